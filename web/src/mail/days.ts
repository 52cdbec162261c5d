// Days of a calendar, as a date field has them ('2026-12-24'), in this browser's time zone; and moments, as JMAP has them.

/** Its first moment. */
export const startOfDay = (day: string): string => utc(new Date(`${day}T00:00:00`))

/** The moment after its last: the response is sent before it (RFC 8621 §8). */
export function endOfDay(day: string): string {
  const date = new Date(`${day}T00:00:00`)
  date.setDate(date.getDate() + 1)
  return utc(date)
}

/** The day that a moment lies in; `shiftMs` before or after it. '' where there is none. */
export function dayOf(moment: string | null, shiftMs: number): string {
  if (moment === null) return ''
  const date = new Date(Date.parse(moment) + shiftMs)
  const two = (number: number) => String(number).padStart(2, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
}

const utc = (date: Date): string => date.toISOString().replace(/\.\d+Z$/, 'Z')
