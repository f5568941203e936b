import type { Value } from '../../../../protocol/values/value.ts'

/**
 * Parameters of a statement that was written with one row for each shape of rows, and the rows that it stands for: VALUES takes them one
 * after the other into the parameters, and evaluates what the shape of the row says.
 */
export class GivenRows extends Array<Value> {
  readonly rows: number
  private readonly width: number
  private readonly shapeOf: readonly number[]
  private readonly literals: readonly Value[]

  constructor(width: number, shapes: number, shapeOf: readonly number[], values: readonly Value[]) {
    super(width * shapes)
    this.fill(null)
    this.rows = shapeOf.length
    this.width = width
    this.shapeOf = shapeOf
    this.literals = values
  }

  static override get [Symbol.species](): ArrayConstructor {
    return Array
  }

  /** The row's values become parameters; answers its shape, which is the number of its row in the statement. */
  place(row: number): number {
    const { width, literals } = this
    const shape = this.shapeOf[row] as number
    const to = shape * width
    const from = row * width
    for (let i = 0; i < width; i++) this[to + i] = literals[from + i] as Value
    return shape
  }
}
