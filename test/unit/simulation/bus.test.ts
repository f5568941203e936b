import { busContract } from '../../bus-contract.ts'
import { Kernel } from '../../simulation/kernel.ts'
import { SimulatedNetwork } from '../../simulation/network.ts'
import { SimulatedProcess } from '../../simulation/process.ts'

busContract('simulated', () => {
  const kernel = new Kernel(1)
  const bus = new SimulatedProcess(kernel, new SimulatedNetwork(kernel), 'one').start().bus
  let isOpen = true
  const passTime = async (): Promise<void> => {
    while (isOpen) await kernel.run(kernel.now + 1_000)
  }
  void passTime()
  return {
    ...bus,
    close: () => {
      // Once more, so that what was asked of the closed bus is answered.
      setTimeout(() => {
        isOpen = false
      }, 5)
      bus.close()
    },
  }
})
