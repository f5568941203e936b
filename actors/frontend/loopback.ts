/** Whether a peer's address is one of this machine's loopback interface. */
export function isLoopback(address: string): boolean {
  const plain = address.startsWith('::ffff:') ? address.slice(7) : address
  return plain === '::1' || /^127\.\d+\.\d+\.\d+$/.test(plain)
}
