import { SqlArray } from '../../../../../protocol/values/value.ts'
import { allCasts } from '../../functions/casts.ts'
import { allOperators } from '../../functions/operators.ts'
import { allProcedures, type Procedure } from '../../functions/procedures.ts'
import { array, type Row, type RowSource, vector } from './record.ts'
import { pgCatalogOid } from './schemas.ts'
import { staticRows } from './static-rows.ts'

/** pg_type, pg_proc, pg_operator and pg_cast: what is built in. */

const lasting = (make: () => Row[]): RowSource => {
  let rows: Row[] | undefined
  return () => (rows ??= make())
}

export const pgType: RowSource = () => staticRows('pg_type')

const languages = { internal: 12, c: 13, sql: 14 } as const
const kinds = { function: 'f', aggregate: 'a', window: 'w', procedure: 'p' } as const

function procedureRow(procedure: Procedure): Row {
  const { allArguments, argumentModes, allArgumentNames } = procedure
  return {
    oid: procedure.oid,
    proname: procedure.name,
    pronamespace: pgCatalogOid,
    proowner: 10,
    prolang: languages[procedure.language],
    procost: 1,
    prorows: procedure.returnsSet ? 1_000 : 0,
    provariadic: procedure.variadic,
    prosupport: 0,
    prokind: kinds[procedure.kind],
    prosecdef: false,
    proleakproof: false,
    proisstrict: procedure.strict,
    proretset: procedure.returnsSet,
    provolatile: procedure.volatility,
    proparallel: 's',
    pronargs: procedure.arguments.length,
    pronargdefaults: procedure.defaults.length,
    prorettype: procedure.result,
    proargtypes: vector(procedure.arguments),
    proallargtypes: allArguments === undefined ? null : array(allArguments),
    proargmodes: argumentModes === undefined ? null : new SqlArray([...argumentModes]),
    proargnames: allArgumentNames === undefined ? null : array(allArgumentNames),
    proargdefaults: procedure.defaults.length === 0 ? null : `{DEFAULTS ${procedure.oid}}`,
    prosrc: procedure.source,
  }
}

export const pgProc: RowSource = lasting(() => [...[...allProcedures()].map(procedureRow), ...staticRows('pg_proc')])

export const pgOperator: RowSource = lasting(() =>
  [...allOperators()].map((operator) => ({
    oid: operator.oid,
    oprname: operator.name,
    oprnamespace: pgCatalogOid,
    oprowner: 10,
    oprkind: operator.left === 0 ? 'l' : 'b',
    oprcanmerge: operator.canMerge,
    oprcanhash: operator.canHash,
    oprleft: operator.left,
    oprright: operator.right,
    oprresult: operator.result,
    oprcom: operator.commutator,
    oprnegate: operator.negator,
    oprcode: operator.procedure,
    oprrest: 0,
    oprjoin: 0,
  })),
)

const contexts = { implicit: 'i', assignment: 'a', explicit: 'e' } as const

export const pgCast: RowSource = lasting(() =>
  [...allCasts()].map((cast) => ({
    oid: cast.oid,
    castsource: cast.source,
    casttarget: cast.target,
    castfunc: cast.procedure,
    castcontext: contexts[cast.context],
    castmethod: cast.method,
  })),
)
