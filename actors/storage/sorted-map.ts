import type { Key } from '../../protocol/key.ts'

const widthMax = 64

interface Leaf<V> {
  readonly isLeaf: true
  keys: Key[]
  values: V[]
  next: Leaf<V> | undefined
  previous: Leaf<V> | undefined
}

interface Branch<V> {
  readonly isLeaf: false
  /** keys[i] is at or below every key in children[i + 1] and above every key in children[i]. */
  keys: Key[]
  children: TreeNode<V>[]
}

type TreeNode<V> = Leaf<V> | Branch<V>

/** Stands before the first entry: `advance` moves it, `key` and `value` are where it stands. */
export class Cursor<V> {
  key = '' as Key
  value: V | undefined
  private leaf: Leaf<V> | undefined
  private at: number
  private readonly bound: Key
  private readonly isReverse: boolean

  constructor(leaf: Leaf<V>, at: number, bound: Key, isReverse: boolean) {
    this.leaf = leaf
    this.at = at
    this.bound = bound
    this.isReverse = isReverse
  }

  /** False when the walk is over. */
  advance(): boolean {
    let { leaf } = this
    this.at += this.isReverse ? -1 : 1
    while (leaf !== undefined && (this.isReverse ? this.at < 0 : this.at >= leaf.keys.length)) {
      leaf = this.isReverse ? leaf.previous : leaf.next
      this.at = this.isReverse ? (leaf?.keys.length ?? 0) - 1 : 0
    }
    const key = leaf?.keys[this.at]
    if (leaf === undefined || key === undefined || (this.isReverse ? key < this.bound : key >= this.bound)) {
      this.leaf = undefined
      return false
    }
    this.leaf = leaf
    this.key = key
    this.value = leaf.values[this.at]
    return true
  }
}

/**
 * Keys in order, in memory: a B+tree whose leaves are linked. Removal leaves thin leaves behind and only unlinks empty ones, which suits
 * data that comes and goes in runs.
 */
export class SortedMap<V> {
  size = 0
  private root: TreeNode<V>
  private firstLeaf: Leaf<V>

  constructor() {
    const leaf: Leaf<V> = { isLeaf: true, keys: [], values: [], next: undefined, previous: undefined }
    this.root = leaf
    this.firstLeaf = leaf
  }

  get(key: Key): V | undefined {
    const leaf = this.leafFor(key)
    const i = lowerBound(leaf.keys, key)
    return leaf.keys[i] === key ? leaf.values[i] : undefined
  }

  set(key: Key, value: V): void {
    const split = this.insert(this.root, key, value)
    if (split !== undefined) this.root = { isLeaf: false, keys: [split.key], children: [this.root, split.right] }
  }

  delete(key: Key): boolean {
    const removed = this.remove(this.root, key)
    if (!removed) return false
    while (!this.root.isLeaf && this.root.children.length === 1) this.root = this.root.children[0] as TreeNode<V>
    return true
  }

  clear(): void {
    const leaf: Leaf<V> = { isLeaf: true, keys: [], values: [], next: undefined, previous: undefined }
    this.root = leaf
    this.firstLeaf = leaf
    this.size = 0
  }

  /** Walks [start, end), ascending or descending. The map must not change before the walk is over. */
  cursor(start: Key, end: Key, reverse: boolean): Cursor<V> {
    if (reverse) {
      const leaf = this.leafFor(end)
      return new Cursor(leaf, lowerBound(leaf.keys, end), start, true)
    }
    const leaf = start === '' ? this.firstLeaf : this.leafFor(start)
    return new Cursor(leaf, lowerBound(leaf.keys, start) - 1, end, false)
  }

  private leafFor(key: Key): Leaf<V> {
    let node = this.root
    while (!node.isLeaf) node = node.children[upperBound(node.keys, key)] as TreeNode<V>
    return node
  }

  private insert(node: TreeNode<V>, key: Key, value: V): { key: Key; right: TreeNode<V> } | undefined {
    if (node.isLeaf) {
      const i = lowerBound(node.keys, key)
      if (node.keys[i] === key) {
        node.values[i] = value
        return undefined
      }
      this.size++
      node.keys.splice(i, 0, key)
      node.values.splice(i, 0, value)
      return node.keys.length > widthMax ? this.splitLeaf(node, i) : undefined
    }
    const at = upperBound(node.keys, key)
    const split = this.insert(node.children[at] as TreeNode<V>, key, value)
    if (split === undefined) return undefined
    node.keys.splice(at, 0, split.key)
    node.children.splice(at + 1, 0, split.right)
    if (node.children.length <= widthMax) return undefined
    const middle = at >= node.keys.length - 1 ? node.keys.length - 2 : node.keys.length >> 1
    const right: Branch<V> = {
      isLeaf: false,
      keys: node.keys.splice(middle + 1),
      children: node.children.splice(middle + 1),
    }
    return { key: node.keys.pop() as Key, right }
  }

  /** Ascending loads fill their leaves: a split at the end leaves the old leaf full. */
  private splitLeaf(leaf: Leaf<V>, inserted: number): { key: Key; right: Leaf<V> } {
    const at = inserted === leaf.keys.length - 1 && leaf.next === undefined ? leaf.keys.length - 1 : leaf.keys.length >> 1
    const right: Leaf<V> = {
      isLeaf: true,
      keys: leaf.keys.splice(at),
      values: leaf.values.splice(at),
      next: leaf.next,
      previous: leaf,
    }
    if (leaf.next !== undefined) leaf.next.previous = right
    leaf.next = right
    return { key: right.keys[0] as Key, right }
  }

  private remove(node: TreeNode<V>, key: Key): boolean {
    if (node.isLeaf) {
      const i = lowerBound(node.keys, key)
      if (node.keys[i] !== key) return false
      node.keys.splice(i, 1)
      node.values.splice(i, 1)
      this.size--
      return true
    }
    const at = upperBound(node.keys, key)
    const child = node.children[at] as TreeNode<V>
    if (!this.remove(child, key)) return false
    if (child.isLeaf ? child.keys.length === 0 : child.children.length === 0) {
      if (child.isLeaf) {
        // The very last leaf stays, empty.
        if (child.next === undefined && child.previous === undefined) return true
        this.unlink(child)
      }
      node.children.splice(at, 1)
      node.keys.splice(at === 0 ? 0 : at - 1, 1)
    }
    return true
  }

  private unlink(leaf: Leaf<V>): void {
    if (leaf.previous !== undefined) leaf.previous.next = leaf.next
    if (leaf.next !== undefined) leaf.next.previous = leaf.previous
    if (leaf === this.firstLeaf && leaf.next !== undefined) this.firstLeaf = leaf.next
  }
}

/** The first position whose key is at or above `key`. */
function lowerBound(keys: readonly Key[], key: Key): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((keys[middle] as Key) < key) low = middle + 1
    else high = middle
  }
  return low
}

/** The first position whose key is above `key`. */
function upperBound(keys: readonly Key[], key: Key): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((keys[middle] as Key) <= key) low = middle + 1
    else high = middle
  }
  return low
}
