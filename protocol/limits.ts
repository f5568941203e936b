/** Every bound that more than one room knows, with its unit in its name. */
export const identifierBytesMax = 63
/** A message body after authentication. PostgreSQL allows 1 GiB - 1; ours is what one statement may need. */
export const messageBytesMax = 1_073_741_823
/** A message body before authentication. */
export const startupBytesMax = 10_000
/** Versions older than this may be vacuumed: reads below it fail with "snapshot too old". */
export const versionHorizonMicros = 5 * 60 * 1_000_000
/** One transaction's write set, `--transaction-bytes-max`. */
export const transactionBytesDefault = 1_073_741_824
/** A transaction with more keys is long, and so is one with more bytes: it is staged (rule 19), and its writes lie packed. */
export const longKeysMin = 4_000
export const longBytesMin = 4_000_000
/** One row or index entry. */
export const rowBytesMax = 64 * 1_024 * 1_024
/** The payload of one journal message; larger records go in chunks (rule 19). */
export const journalMessageBytesMax = 1_000_000
/** How long an owner may answer begins from its last acknowledged append, where no lock proves it alone (rule 12). */
export const leaseMicros = 1_200_000
/** How far a record's horizon lies ahead of the clock (rule 3). */
export const horizonLeadMicros = 1_000_000
/** Every begin asks every partition: many cost more than they bring. */
export const partitionsMax = 64
