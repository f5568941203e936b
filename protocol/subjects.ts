import type { Epoch, Partition } from './ids.ts'

/** Where a message goes. On the embedded bus a map key, on NATS a subject. */
export const subjects = {
  /** Any query processor: a queue group. */
  queryProcessor: 'taudb.query-processor',
  /** The owner of a partition; never a queue group: the epoch is part of the address. */
  adjudicator: (p: Partition, e: Epoch): string => `taudb.adjudicator.${p}.${e}`,
  /** Its owner says again and again that it is one. */
  ownership: (p: Partition): string => `taudb.ownership.${p}`,
  /** The replicas of a shard. */
  storage: (shard: number): string => `taudb.storage.${shard}`,
  /** Everybody listens there for somebody who asks who is there. */
  rollCall: 'taudb.roll-call',
  /** Who keeps something of these traces? and what. */
  spansAsked: 'taudb.spans-asked',
  spansTold: 'taudb.spans-told',
  /** Where everybody answers that. */
  present: 'taudb.present',
  /** One of them. */
  replica: (shard: number, name: string): string => `taudb.storage.${shard}.${name}`,
  /** They say again and again that they are there. */
  replicas: (shard: number): string => `taudb.replicas.${shard}`,
  /** Post-images on their way to a shard. */
  postImages: (shard: number): string => `taudb.post-images.${shard}`,
} as const
