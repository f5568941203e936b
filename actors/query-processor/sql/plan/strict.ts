import type { Oid } from '../../../../protocol/ids.ts'
import { procedureByOid } from '../functions/procedures.ts'

/** NULL in, NULL out. */
export const isStrict = (procedure: Oid): boolean => procedureByOid(procedure)?.strict === true
