import type { Oid, Partition } from '../../protocol/ids.ts'
import type { Check, CommitRequest } from '../../protocol/messages.ts'
import type { Topology } from '../topology.ts'
import { catalogMarkerKey, relationVersionKeyIn, relationVersionOf } from './sql/catalog/keys.ts'

/**
 * A commit request with its leader chosen and its catalog checks where it has keys anyway (rules 9 and 21): one of the partitions with the most
 * writes leads; a change of the catalog is marked in all partitions, and used only in those that are asked for other reasons.
 */
export function placed(request: CommitRequest, topology: Topology): CommitRequest {
  const { partitions } = topology.map
  const home = topology.partitionOf(catalogMarkerKey)
  const writesIn = new Map<Partition, number>()
  const changed: Oid[] = []
  const used: Oid[] = []
  const checks: Check[] = []
  for (const { key, mode, operation } of request.writes) {
    // Entered by the leader, checked by nobody.
    if (mode === 'E') continue
    const partition = topology.partitionOf(key)
    writesIn.set(partition, (writesIn.get(partition) ?? 0) + 1)
    const oid = relationVersionOf(key)
    // Nobody has used what is only made now.
    if (oid !== undefined && operation !== 'create') changed.push(oid)
  }
  const asked = new Set(writesIn.keys())
  for (const check of request.checks) {
    const oid = 'key' in check && check.mode === 'R' ? relationVersionOf(check.key) : undefined
    if (oid !== undefined) {
      used.push(oid)
      continue
    }
    checks.push(check)
    if ('key' in check) asked.add(topology.partitionOf(check.key))
    else for (const { partition } of partitions) asked.add(partition)
  }
  for (const oid of changed) {
    for (const { partition } of partitions) {
      asked.add(partition)
      checks.push({ key: relationVersionKeyIn(partition, oid), mode: 'X' })
    }
  }
  if (asked.size === 0) asked.add(home)
  let leader: Partition | undefined
  for (const partition of asked) {
    for (const oid of used) checks.push({ key: relationVersionKeyIn(partition, oid), mode: 'R' })
    if (leader === undefined || (writesIn.get(partition) ?? 0) > (writesIn.get(leader) ?? 0)) leader = partition
  }
  const { boot, counter } = request.id
  const id = { leader: leader as Partition, epoch: topology.epochOf(leader as Partition), boot, counter }
  return { ...request, id, checks, ...(changed.length > 0 && { map: topology.versions() }) }
}
