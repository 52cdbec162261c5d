// How a message was handed on, as words: the form of each Received line, the ends of the names in it and the beginnings
// of the addresses, each with how near to us it stands. What a stranger's line claims is only a word like others: what
// decides is that lines of programs, networks and forgers look alike.

import { type FeatureSet, hashText, mix } from './feature-set.ts'

const MAX_LINE = 600
/** Hops beyond this one count as one place: their number varies. */
const FARTHEST = 3
const LABELS = 3

const LOOK = hashText('received')
const NEAR = [0, 1, 2, 3].map((place) => hashText(`received near ${place}`))

/** The form of a text without its content: `<9a63c01c@x.test>` and others like it become `<0a0a0a0a@a.a>`. */
export function shapeOf(text: string, longest: number): string {
  return text
    .slice(0, longest)
    .replace(/[A-Z]+/g, 'A')
    .replace(/[a-z]+/g, 'a')
    .replace(/\d+/g, '0')
    .replace(/\s+/g, ' ')
}

/** Adds one line. @param hop 0 is the line that the last server wrote */
export function addReceived(value: string, hop: number, words: FeatureSet): void {
  const line = value.slice(0, MAX_LINE)
  const near = NEAR[Math.min(hop, FARTHEST)]!
  const both = (text: string) => {
    const hash = hashText(text, LOOK)
    words.add(hash)
    words.add(mix(near, hash))
  }
  // Ids and dates say nothing by their form.
  both(shapeOf(line.replace(/\bid\s+\S+|;[^;]*$/g, ''), 160))
  for (const [, clause, name] of line.matchAll(/\b(from|by|with|via|for)\s+(\S{1,60})/g)) {
    const labels = name!
      .toLowerCase()
      .replace(/[<>()[\];]/g, '')
      .split('.')
    for (let at = Math.max(0, labels.length - LABELS); at < labels.length; at++) {
      both(`${clause} ${labels.slice(at).join('.')}`)
    }
  }
  for (const [, a, b, c] of line.matchAll(/\b(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.\d{1,3}\b/g)) {
    for (const network of [a, `${a}.${b}`, `${a}.${b}.${c}`]) both(`ip ${network}`)
  }
  for (const [, a, b, c] of line.matchAll(/IPv6:([0-9a-f]{1,4}):([0-9a-f]{1,4}):([0-9a-f]{1,4})/gi)) {
    for (const network of [`${a}:${b}`, `${a}:${b}:${c}`]) both(`ip ${network.toLowerCase()}`)
  }
  const zone = /([+-]\d{4})(\s*\([^)]*\))?\s*$/.exec(line)
  if (zone !== null) both(`zone ${zone[1]}`)
  both(/\(\S+ \[/.test(line) ? 'named' : 'unnamed')
  if (/unknown/i.test(line)) both('unknown')
}
