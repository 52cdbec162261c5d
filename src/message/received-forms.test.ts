// Received lines in the hands of many systems (received-forms.txt): each line, and below it what it says.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parseReceived } from './received.ts'

/** By system; a line of the file that is indented says what the line before it means. */
function forms(): Map<string, [line: string, says: string][]> {
  const text = readFileSync(new URL('received-forms.txt', import.meta.url), 'utf8')
  const found = new Map<string, [string, string][]>()
  for (const section of text.split(/^## /m).slice(1)) {
    const [name, ...lines] = section.split('\n').filter((line) => line !== '')
    const pairs = lines.flatMap((line, at): [string, string][] =>
      line.startsWith('  ') ? [[lines[at - 1]!, line.trim()]] : [],
    )
    found.set(name!, pairs)
  }
  return found
}

function said(line: string): string {
  const read = parseReceived(line)
  const { tls, date } = read
  const values: [string, string | undefined][] = [
    ['ip', read.ip],
    ['name', read.reverseName],
    ['helo', read.helo],
    ['ident', read.ident],
    ['by', read.by],
    ['by-ip', read.byIp],
    ['via', read.via],
    ['with', read.with],
    ['id', read.id],
    ['for', read.for],
    ['sender', read.envelopeFrom],
    ['tls', tls && `${tls.protocol ?? '?'} ${tls.cipher ?? '?'}`],
    ['author', read.authenticated ? 'yes' : undefined],
    ['at', date && new Date(date.epochMs).toISOString().slice(0, 19)],
  ]
  const told = values.filter(([, value]) => value !== undefined).map(([name, value]) => `${name}=${value}`)
  return [read.isHandover ? 'handover' : 'inside', ...told].join(' | ')
}

for (const [system, lines] of forms())
  test(`Received lines of ${system}`, () => {
    assert.ok(lines.length > 0)
    for (const [line, says] of lines) {
      assert.equal(said(line), says, line)
      // Wherever there is white space a line may be folded (RFC 5322 §2.2.3).
      for (const fold of ['\r\n ', '\r\n\t', '\n  '])
        assert.equal(said(line.replace(/ (?=\S)/g, fold)).replace(/\s+/g, ' '), says.replace(/\s+/g, ' '), line)
    }
  })
