// Dates of messages: RFC 5322 §3.3, the obsolete forms of §4.3 (zone names, two-digit years, comments), and the forms
// that real mail has besides (ctime order, missing seconds, ISO 8601). The grammar is read by what each token can be,
// so that order and punctuation do not matter.

export interface MailDate {
  /** Milliseconds since 1970-01-01 UTC. */
  epochMs: number
  /** The writer's zone, minutes east of UTC. */
  offsetMinutes: number
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']

/** RFC 5322 §4.3; single letters (military zones) were used both ways round and mean nothing: UTC. */
const ZONES: Record<string, number> = {
  ut: 0,
  utc: 0,
  gmt: 0,
  z: 0,
  est: -300,
  edt: -240,
  cst: -360,
  cdt: -300,
  mst: -420,
  mdt: -360,
  pst: -480,
  pdt: -420,
  bst: 60,
  cet: 60,
  met: 60,
  cest: 120,
  mest: 120,
  eet: 120,
  eest: 180,
  jst: 540,
}

const TOKEN = /\d{1,2}:\d{1,2}(?::\d{1,2})?(?:[.,]\d+)?|[A-Za-z]+|\d+|[+-]/g

/** The moment that a date field names, or undefined if it names none. */
export function parseDate(text: string): MailDate | undefined {
  const iso = /^\s*(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.\d+)?\s*(Z|[+-]\d\d:?\d\d)?/.exec(text)
  if (iso) {
    const [, year, month, day, hour, minute, second, zone] = iso
    const time = Number(hour) * 3600 + Number(minute) * 60 + Number(second)
    return moment(Number(year), Number(month) - 1, Number(day), time, zone ? offsetOf(zone.replace(':', '')) : 0)
  }
  const plain = withoutComments(text.slice(0, 300)).replace(/\s*:\s*/g, ':')
  let year: number | undefined
  let month = -1
  let day: number | undefined
  let seconds = -1
  let offset: number | undefined
  let sign = ''
  let afternoon: boolean | undefined
  for (const token of plain.match(TOKEN)?.slice(0, 40) ?? []) {
    if (token.includes(':')) {
      if (seconds < 0) seconds = timeOf(token)
      else if (sign !== '') offset ??= offsetOf(sign + token.replace(':', ''))
    } else if (token === '+' || token === '-') {
      sign = token
      continue
    } else if (/^\d/.test(token)) {
      if (sign !== '' && seconds >= 0 && token.length >= 3 && day !== undefined && year !== undefined) {
        offset ??= offsetOf(sign + token)
      } else if (token.length <= 2 && day === undefined) day = Number(token)
      else if (year === undefined && token.length <= 4) year = fullYear(token)
      else if (seconds >= 0 && sign !== '') offset ??= offsetOf(sign + token)
    } else {
      const word = token.toLowerCase()
      const named = MONTHS.indexOf(word.slice(0, 3))
      if (word === 'am' || word === 'pm') afternoon = word === 'pm'
      else if (seconds >= 0 && ZONES[word] !== undefined) offset ??= ZONES[word]
      else if (named >= 0 && month < 0) month = named
    }
    sign = ''
  }
  if (year === undefined || month < 0 || day === undefined) return undefined
  if (afternoon === true && seconds < 43_200) seconds += 43_200
  if (afternoon === false && seconds >= 43_200) seconds -= 43_200
  return moment(year, month, day, Math.max(seconds, 0), offset ?? 0)
}

function withoutComments(text: string): string {
  let depth = 0
  let out = ''
  for (const character of text) {
    if (character === '(') depth++
    else if (character === ')') depth = Math.max(0, depth - 1)
    else if (depth === 0) out += character
  }
  return out
}

function timeOf(token: string): number {
  const [hour = 0, minute = 0, second = 0] = token.split(/[:.,]/).map(Number)
  // RFC 5322 §3.3: 60 is a leap second. Anything beyond is no time.
  return hour > 24 || minute > 59 || second > 60 ? -1 : hour * 3600 + minute * 60 + second
}

/** `+0200`, and the `-600` of old mail. */
function offsetOf(zone: string): number {
  if (zone === 'Z') return 0
  const digits = zone.slice(1).padStart(4, '0').slice(0, 4)
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2))
  return minutes > 1440 ? 0 : zone.startsWith('-') ? -minutes : minutes
}

/** RFC 5322 §4.3: two digits below 50 are 20xx, others and three digits count from 1900. */
function fullYear(token: string): number {
  const year = Number(token)
  if (token.length === 2) return year < 50 ? 2000 + year : 1900 + year
  return token.length === 3 ? 1900 + year : year
}

function moment(
  year: number,
  month: number,
  day: number,
  seconds: number,
  offsetMinutes: number,
): MailDate | undefined {
  if (month < 0 || month > 11 || day < 1 || day > 31 || year < 1) return undefined
  const date = new Date(0)
  date.setUTCFullYear(year, month, day)
  const epochMs = date.getTime() + seconds * 1000 - offsetMinutes * 60_000
  return { epochMs, offsetMinutes }
}

/** `Mon, 23 Nov 2026 15:45:12 +0000` (RFC 5322 §3.3), in the zone given. */
export function formatDate(epochMs: number, offsetMinutes = 0): string {
  const local = new Date(epochMs + offsetMinutes * 60_000)
  const two = (value: number): string => String(value).padStart(2, '0')
  const month = MONTHS[local.getUTCMonth()] ?? 'jan'
  const day = `${DAYS[local.getUTCDay()]}, ${local.getUTCDate()} ${month[0]!.toUpperCase()}${month.slice(1)}`
  const time = `${two(local.getUTCHours())}:${two(local.getUTCMinutes())}:${two(local.getUTCSeconds())}`
  const zone = Math.abs(offsetMinutes)
  const sign = offsetMinutes < 0 ? '-' : '+'
  const year = String(local.getUTCFullYear()).padStart(4, '0')
  return `${day} ${year} ${time} ${sign}${two(Math.floor(zone / 60))}${two(zone % 60)}`
}
