// One event as one line of a log, for people and for programs. What strangers said may stand in it: nothing of that ends the
// line, moves the cursor of a terminal or turns the direction of writing.

import type { Log } from '../system/agent.ts'

type Event = Parameters<Log>

/** Controls (C0, C1 and DEL), what is seen of nothing (bidi marks too), and the line ends of Unicode, as JSON writes them. */
const visible = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (char) =>
    char
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  )

export function textLine(at: Date, [agent, level, text, facts]: Event): string {
  const more = facts === undefined ? '' : ` ${JSON.stringify(facts)}`
  return `${at.toISOString()} ${level.padEnd(7)} ${visible(`${agent}: ${text}${more}`)}\n`
}

export function jsonLine(at: Date, [agent, level, text, facts]: Event): string {
  // A fact must not pass for the event's own words.
  return `${visible(JSON.stringify({ ...facts, at: at.toISOString(), level, agent, text }))}\n`
}
