import type { SqlErrorFields } from '../../../../protocol/errors.ts'
import { SqlError } from '../../../../protocol/errors.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import {
  anyarrayOid,
  anycompatiblearrayOid,
  anycompatiblenonarrayOid,
  anycompatibleOid,
  anyelementOid,
  anynonarrayOid,
  arrayElement,
  arrayOver,
  builtinType,
  isAnyCompatibleFamily,
  isAnyElementFamily,
  isPolymorphic,
  recordOid,
  textOid,
  typeCategory,
  unknownOid,
} from '../functions/builtin-types.ts'
import { castPath } from '../functions/casts.ts'

/**
 * anyelement, anyarray ... and anycompatible ... of parse_coerce.c: what the actual argument types say about the polymorphic ones.
 * Two families, resolved apart: all of the first must agree exactly, those of the second on a common type.
 */

const display = (oid: Oid): string => builtinType(oid).displayName

/** check_generic_type_consistency */
export function isConsistent(actual: readonly Oid[], declared: readonly Oid[]): boolean {
  let element = 0
  let array = 0
  let nonArray = false
  const compatible: Oid[] = []
  let compatibleArray = 0
  let compatibleNonArray = false
  let hasCompatible = false
  for (let i = 0; i < declared.length; i++) {
    const type = actual[i]!
    switch (declared[i]) {
      case anynonarrayOid:
      case anyelementOid:
        if (declared[i] === anynonarrayOid) nonArray = true
        if (type === unknownOid) continue
        if (element !== 0 && element !== type) return false
        element = type
        break
      case anyarrayOid:
        if (type === unknownOid) continue
        if (array !== 0 && array !== type) return false
        array = type
        break
      case anycompatibleOid:
      case anycompatiblenonarrayOid:
        if (declared[i] === anycompatiblenonarrayOid) compatibleNonArray = true
        hasCompatible = true
        if (type !== unknownOid) compatible.push(type)
        break
      case anycompatiblearrayOid: {
        hasCompatible = true
        if (type === unknownOid) continue
        if (compatibleArray !== 0 && compatibleArray !== type && arrayElement(type) === 0) return false
        const member = arrayElement(type)
        if (member === 0) return false
        compatibleArray = type
        compatible.push(member)
        break
      }
    }
  }
  if (array !== 0) {
    if (array === anyarrayOid) {
      // anyarray columns of system catalogs match anyarray only.
      if (element !== 0) return false
    } else {
      const member = arrayElement(array)
      if (member === 0) return false
      if (element === 0) element = member
      else if (member !== element) return false
    }
  }
  if (nonArray && element !== 0 && arrayElement(element) !== 0) return false
  if (hasCompatible && compatible.length > 0) {
    const common = commonOf(compatible)
    if (common === undefined) return false
    if (compatibleNonArray && arrayElement(common) !== 0) return false
  }
  return true
}

/** select_common_type_from_oids; undefined where there is none that all can become. */
function commonOf(types: readonly Oid[]): Oid | undefined {
  let common = types[0]!
  for (const next of types.slice(1)) {
    if (next === common) continue
    if (typeCategory(next) !== typeCategory(common)) return undefined
    const forth = castPath(common, next, 'implicit') !== undefined
    const back = castPath(next, common, 'implicit') !== undefined
    if (!builtinType(common).preferred && forth && !back) common = next
  }
  return types.every((type) => castPath(type, common, 'implicit') !== undefined) ? common : undefined
}

/**
 * enforce_generic_type_consistency: the real types of all parameters (`declared` with polymorphic ones replaced) and of the result.
 * Throws 42804 with PostgreSQL's text, without a position.
 */
export function resolvePolymorphic(
  actual: readonly Oid[],
  declared: readonly Oid[],
  result: Oid,
): { readonly types: readonly Oid[]; readonly result: Oid } {
  if (!declared.some(isPolymorphic)) return { types: declared, result }
  const family1 = declared.some(isAnyElementFamily) || isAnyElementFamily(result)
  const family2 = declared.some(isAnyCompatibleFamily) || isAnyCompatibleFamily(result)
  const { element, array } = family1 ? elementFamily(actual, declared) : { element: 0, array: 0 }
  const compatible = family2 ? compatibleFamily(actual, declared) : 0
  const resolve = (type: Oid): Oid => {
    switch (type) {
      case anyelementOid:
      case anynonarrayOid:
        return element
      case anyarrayOid:
        return array === 0 ? arrayOf(element) : array
      case anycompatibleOid:
      case anycompatiblenonarrayOid:
        return compatible
      case anycompatiblearrayOid:
        return arrayOf(compatible)
      default:
        return type
    }
  }
  return { types: declared.map(resolve), result: resolve(result) }
}

function arrayOf(element: Oid): Oid {
  if (element === anyarrayOid) return anyarrayOid
  if (element === recordOid) throw new SqlError('0A000', 'an array of rows is not supported')
  const array = arrayOver(element)
  if (array === 0) throw mismatch(`could not find array type for data type ${display(element)}`, {}, '42704')
  return array
}

const mismatch = (message: string, fields: SqlErrorFields = {}, code = '42804'): SqlError => new SqlError(code, message, fields)

function elementFamily(actual: readonly Oid[], declared: readonly Oid[]): { readonly element: Oid; readonly array: Oid } {
  let element = 0
  let array = 0
  let haveUnknown = false
  let nonArray = false
  for (let i = 0; i < declared.length; i++) {
    const type = actual[i]!
    const asked = declared[i]
    if (asked === anyelementOid || asked === anynonarrayOid) {
      if (asked === anynonarrayOid) nonArray = true
      if (type === unknownOid) haveUnknown = true
      else if (element !== 0 && type !== element) {
        throw mismatch('arguments declared "anyelement" are not all alike', {
          detail: `${display(element)} versus ${display(type)}`,
        })
      } else element = type
    } else if (asked === anyarrayOid) {
      if (type === unknownOid) haveUnknown = true
      else if (array !== 0 && type !== array) {
        throw mismatch('arguments declared "anyarray" are not all alike', { detail: `${display(array)} versus ${display(type)}` })
      } else array = type
    }
  }
  if (array !== 0) {
    const member = array === anyarrayOid ? anyarrayOid : arrayElement(array)
    if (member === 0) throw mismatch(`argument declared anyarray is not an array but type ${display(array)}`)
    if (element === 0) element = member
    else if (member !== element) {
      throw mismatch('argument declared anyarray is not consistent with argument declared anyelement', {
        detail: `${display(array)} versus ${display(element)}`,
      })
    }
  }
  if (element === 0) {
    if (haveUnknown) throw mismatch('could not determine polymorphic type because input has type unknown')
    return { element, array }
  }
  if (nonArray && arrayElement(element) !== 0) throw mismatch(`type matched to anynonarray is an array type: ${display(element)}`)
  return { element, array }
}

function compatibleFamily(actual: readonly Oid[], declared: readonly Oid[]): Oid {
  const types: Oid[] = []
  let nonArray = false
  for (let i = 0; i < declared.length; i++) {
    const type = actual[i]!
    if (declared[i] === anycompatiblenonarrayOid) nonArray = true
    if (type === unknownOid) continue
    if (declared[i] === anycompatibleOid || declared[i] === anycompatiblenonarrayOid) types.push(type)
    else if (declared[i] === anycompatiblearrayOid) {
      const member = arrayElement(type)
      if (member === 0) throw mismatch(`argument declared anycompatiblearray is not an array but type ${display(type)}`)
      types.push(member)
    }
  }
  // Nothing but unknown literals: they are texts.
  if (types.length === 0) return textOid
  const common = commonOf(types)
  if (common === undefined) {
    const other = types.find((type) => typeCategory(type) !== typeCategory(types[0]!)) ?? types[1]!
    throw mismatch(`arguments of anycompatible family cannot be cast to a common type`, {
      detail: `${display(types[0]!)} versus ${display(other)}`,
    })
  }
  if (nonArray && arrayElement(common) !== 0)
    throw mismatch(`type matched to anycompatiblenonarray is an array type: ${display(common)}`)
  return common
}
