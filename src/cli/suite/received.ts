// The Received suite: one line and the relay that SpamAssassin reads in it; header blocks with trusted paths and hop
// lists are read for robustness.

import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { fieldsNamed, parseHeader, rawValue } from '../../message/header.ts'
import { parseReceived } from '../../message/received.ts'
import { filesIn, foldersOf, type Suite, SuiteReport } from './report.ts'

type Relay = Record<'ip' | 'rdns' | 'helo' | 'by' | 'ident' | 'envfrom' | 'id' | 'auth', string>

interface Line {
  received: string
  expected: Relay | Relay[] | 'unparseable' | null
}

export const receivedSuite: Suite = async (dir) => {
  const report = new SuiteReport()
  for (const file of filesIn(dir, '.json')) {
    const cases = JSON.parse(readFileSync(file, 'utf8')) as (Line | { headers: string | string[] })[]
    cases.forEach((entry, index) => {
      if ('received' in entry)
        checkLine(report, `${basename(file)} ${index + 1}: ${entry.received.slice(0, 100)}`, entry)
      else readHeaders(report, `${basename(file)} ${index + 1}`, [entry.headers].flat().join('\n'))
    })
  }
  for (const folder of foldersOf(dir)) {
    for (const file of filesIn(`${dir}/${folder}`, '.eml'))
      readHeaders(report, `${folder}/${basename(file)}`, readFileSync(file, 'latin1'))
  }
  return report
}

function checkLine(report: SuiteReport, where: string, { received, expected }: Line): void {
  const read = parseReceived(received)
  const relay = Array.isArray(expected) ? expected[0] : expected
  if (relay === null || relay === undefined || relay === 'unparseable') {
    report.check(where, 'no handover', read.isHandover ? 'a handover' : 'no handover')
    return
  }
  const got: Relay = {
    ip: read.ip ?? '',
    rdns: read.reverseName ?? '',
    // SpamAssassin writes an address literal between exclamation marks.
    helo: (read.helo ?? '').replace(/^\[(.*)\]$/, '!$1!'),
    by: read.by ?? '',
    ident: read.ident ?? '',
    envfrom: read.envelopeFrom ?? '',
    id: read.id ?? '',
    auth: read.authenticated ? 'yes' : '',
  }
  const wanted = { ...relay, auth: relay.auth ? 'yes' : '' }
  const names = Object.keys(got) as (keyof Relay)[]
  report.check(
    where,
    names.map((name) => `${name}=${wanted[name]}`).join(' '),
    names.map((name) => `${name}=${got[name]}`).join(' '),
  )
}

function readHeaders(report: SuiteReport, where: string, text: string): void {
  const header = parseHeader(Buffer.from(text, 'latin1'))
  for (const field of fieldsNamed(header, 'received')) parseReceived(rawValue(header, field).toString('latin1'))
  report.check(`${where} (reads)`, 'read', 'read')
}
