import type { Numeric } from './numeric.ts'

/** A node of a jsonb document. Objects are Maps in PostgreSQL's key order (shorter first, then bytewise), keys unique. */
export type JsonNode = null | boolean | string | Numeric | readonly JsonNode[] | ReadonlyMap<string, JsonNode>

/** A jsonb value; the wrapper tells SQL NULL and JSON null apart. */
export class Jsonb {
  readonly root: JsonNode

  constructor(root: JsonNode) {
    this.root = root
  }
}
