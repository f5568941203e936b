/** The words of date and time input (PostgreSQL 16, appendix B of its manual), and its default time zone abbreviations. */
export type Special = 'now' | 'today' | 'tomorrow' | 'yesterday' | 'allballs' | 'epoch' | 'infinity' | '-infinity'

export type DateWord =
  | { readonly kind: 'special'; readonly value: Special }
  | { readonly kind: 'month' | 'weekday'; readonly value: number }
  | { readonly kind: 'ampm'; readonly value: 'am' | 'pm' }
  | { readonly kind: 'era'; readonly value: 'ad' | 'bc' }
  | { readonly kind: 'ignored' | 'daylight' | 'isoTime' }
  | { readonly kind: 'unit'; readonly value: string }
  /** Seconds east. */
  | { readonly kind: 'zone'; readonly offset: number; readonly daylight: boolean }
  /** An abbreviation whose meaning has changed over time: ask the zone. */
  | { readonly kind: 'zoneOf'; readonly zone: string; readonly abbreviation: string }

export const monthNames = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
] as const
export const dayNames = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const

const words = new Map<string, DateWord>()

for (const [index, name] of monthNames.entries()) {
  words.set(name.toLowerCase(), { kind: 'month', value: index + 1 })
  words.set(name.slice(0, 3).toLowerCase(), { kind: 'month', value: index + 1 })
}
words.set('sept', { kind: 'month', value: 9 })
for (const [index, name] of dayNames.entries()) {
  words.set(name.toLowerCase(), { kind: 'weekday', value: index })
  words.set(name.slice(0, 3).toLowerCase(), { kind: 'weekday', value: index })
}
for (const [name, value] of [
  ['tues', 2],
  ['weds', 3],
  ['thur', 4],
  ['thurs', 4],
] as const) {
  words.set(name, { kind: 'weekday', value })
}
for (const value of ['now', 'today', 'tomorrow', 'yesterday', 'allballs', 'epoch', 'infinity', '-infinity'] as const) {
  words.set(value, { kind: 'special', value })
}
words.set('+infinity', { kind: 'special', value: 'infinity' })
words.set('am', { kind: 'ampm', value: 'am' })
words.set('pm', { kind: 'ampm', value: 'pm' })
words.set('ad', { kind: 'era', value: 'ad' })
words.set('bc', { kind: 'era', value: 'bc' })
words.set('at', { kind: 'ignored' })
words.set('on', { kind: 'ignored' })
words.set('dst', { kind: 'daylight' })
words.set('t', { kind: 'isoTime' })
for (const name of ['j', 'jd', 'julian']) words.set(name, { kind: 'unit', value: 'julian' })
for (const name of ['d', 'h', 'm', 'mm', 's', 'y', 'dow', 'doy', 'isodow', 'isoyear']) {
  words.set(name, { kind: 'unit', value: name })
}

/** Minutes east, then the abbreviations; `*` marks daylight saving time. */
const fixedAbbreviations = [
  '-600 HST TAHT',
  '-570 MART',
  '-540 AKST GAMT',
  '-480 AKDT* PST',
  '-420 MST PDT*',
  '-360 CST GALT MDT*',
  '-300 ACT CDT* COT EST PET',
  '-240 AMT AST BOT EDT*',
  '-210 NFT NST',
  '-180 ADT* BRA BRT CLST* GFT PMST PYST* UYT WGT',
  '-150 NDT*',
  '-120 BRST* FNT PMDT* UYST* WGST*',
  '-60 AZOT EGT FNST*',
  '0 AZOST* EGST* GMT UCT UT UTC WET Z ZULU',
  '60 BST* CET MET MEZ WAT WETDST*',
  '120 BDST* CEST* CETDST* EET IST MEST* MESZ* METDST* SAST',
  '180 EAT EEST* EETDST* FET IDT*',
  '210 IRT',
  '240 MSD* MUT RET SCT',
  '270 AFT',
  '300 MUST* MVT PKT TFT TJT UZT',
  '345 NPT',
  '360 ALMT BDT BTT KGST* PKST* UZST* XJT YEKST*',
  '390 MMT',
  '420 ALMST* CXT ICT WAST',
  '480 AWST BNT BORT CCT HKT MYT PHT WADT*',
  '525 ACWST',
  '540 AWSST* JAYT JST KST PWT ULAST* WDT*',
  '570 ACST CAST',
  '600 AEST CHUT DDUT KDT* LIGT MPT PGT TRUT YAPT',
  '630 ACDT* ACSST* CADT* LHST SADT*',
  '660 AEDT* AESST* PONT VUT',
  '720 FJT GILT MHT NZST NZT TVT WAKT WFT',
  '765 CHAST',
  '780 FJST* NZDT* TOT',
  '825 CHADT*',
]

const abbreviationsOfZones = [
  'AMST Asia/Yerevan',
  'ANAST Asia/Anadyr',
  'ANAT Asia/Anadyr',
  'ARST America/Argentina/Buenos_Aires',
  'ART America/Argentina/Buenos_Aires',
  'AZST Asia/Baku',
  'AZT Asia/Baku',
  'CKT Pacific/Rarotonga',
  'CLT America/Santiago',
  'DAVT Antarctica/Davis',
  'EASST Pacific/Easter',
  'EAST Pacific/Easter',
  'FKST Atlantic/Stanley',
  'FKT Atlantic/Stanley',
  'GEST Asia/Tbilisi',
  'GET Asia/Tbilisi',
  'GYT America/Guyana',
  'IOT Indian/Chagos',
  'IRKST Asia/Irkutsk',
  'IRKT Asia/Irkutsk',
  'KGT Asia/Bishkek',
  'KOST Pacific/Kosrae',
  'KRAST Asia/Krasnoyarsk',
  'KRAT Asia/Krasnoyarsk',
  'LHDT Australia/Lord_Howe',
  'LINT Pacific/Kiritimati',
  'LKT Asia/Colombo',
  'MAGST Asia/Magadan',
  'MAGT Asia/Magadan',
  'MAWT Antarctica/Mawson',
  'MSK Europe/Moscow',
  'NOVST Asia/Novosibirsk',
  'NOVT Asia/Novosibirsk',
  'NUT Pacific/Niue',
  'OMSST Asia/Omsk',
  'OMST Asia/Omsk',
  'PETST Asia/Kamchatka',
  'PETT Asia/Kamchatka',
  'PYT America/Asuncion',
  'SGT Asia/Singapore',
  'TKT Pacific/Fakaofo',
  'TMT Asia/Ashgabat',
  'ULAT Asia/Ulaanbaatar',
  'VET America/Caracas',
  'VLAST Asia/Vladivostok',
  'VLAT Asia/Vladivostok',
  'VOLT Europe/Volgograd',
  'YAKST Asia/Yakutsk',
  'YAKT Asia/Yakutsk',
  'YEKT Asia/Yekaterinburg',
]

const abbreviations = new Map<string, DateWord>()
for (const line of fixedAbbreviations) {
  const [minutes, ...names] = line.split(' ')
  for (const name of names) {
    const daylight = name.endsWith('*')
    const abbreviation = (daylight ? name.slice(0, -1) : name).toLowerCase()
    abbreviations.set(abbreviation, { kind: 'zone', offset: Number(minutes) * 60, daylight })
  }
}
for (const line of abbreviationsOfZones) {
  const [abbreviation, zone] = line.split(' ') as [string, string]
  abbreviations.set(abbreviation.toLowerCase(), { kind: 'zoneOf', zone, abbreviation })
}

/** `word` in lower case. Only the first ten characters count. */
export function dateWord(word: string): DateWord | undefined {
  return words.get(word.slice(0, 10))
}

export function zoneAbbreviation(word: string): Extract<DateWord, { kind: 'zone' | 'zoneOf' }> | undefined {
  return abbreviations.get(word.slice(0, 10)) as Extract<DateWord, { kind: 'zone' | 'zoneOf' }> | undefined
}

/** For pg_timezone_abbrevs. */
export function zoneAbbreviations(): Iterable<[string, DateWord]> {
  return abbreviations
}
