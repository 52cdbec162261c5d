// The bounces suite: folders of real bounces, complaints and automatic answers, without answers of their own. Asked is the
// class (bounces-classes.ts), and, where a part for programs names them, that the recipients are those.

import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { type Bounce, readBounce } from '../../identity/reports/bounces/read.ts'
import { CLASSES } from './bounces-classes.ts'
import { filesIn, foldersOf, type Suite, SuiteReport } from './report.ts'

export const bouncesSuite: Suite = async (dir) => {
  const report = new SuiteReport()
  const classOf = new Map<string, string>()
  for (const [classes, names] of Object.entries(CLASSES))
    for (const name of names.trim().split(/\s+/)) classOf.set(name, classes)
  const run = (folder: string, path: string): void => {
    for (const file of filesIn(folder, '.eml'))
      check(report, `${path}${basename(file, '.eml')}`, readFileSync(file), classOf)
    for (const inner of foldersOf(folder)) run(`${folder}/${inner}`, `${path}${inner}/`)
  }
  run(dir, '')
  return report
}

function check(report: SuiteReport, name: string, message: Buffer, classOf: ReadonlyMap<string, string>): void {
  const bounce = readBounce(message)
  const classes = bounce ? [...new Set(bounce.recipients.map(({ reason }) => reason))].sort().join(' ') : 'no bounce'
  const wanted = classOf.get(name)
  const missed = bounce ? missedRecipients(message, bounce) : []
  if (missed.length > 0)
    report.fail(name, `recipients ${missed.join(' ')}`, bounce!.recipients.map(({ address }) => address).join(' '))
  else if (wanted !== undefined) report.check(name, wanted, classes)
  else if (!bounce || classes === 'unknown') report.fail(name, 'a class', classes)
  else report.check(name, classes, classes)
}

/** Plain addresses of Final-Recipient fields that were not read; those of a bounce that comes back are another's. */
function missedRecipients(message: Buffer, bounce: Bounce): string[] {
  const read = new Set(bounce.recipients.map(({ address }) => address.toLowerCase()))
  const fields = message
    .toString('latin1')
    .split(/^content-type:[ \t]*(?:message\/rfc822|text\/rfc822-headers)/im, 1)[0]!
    .matchAll(/^final-recipient:[ \t]*rfc822;[ \t]*<?([^\s<>;|/]+@[\w.-]+)>?[ \t]*\r?$/gim)
  return [...fields].map(([, address]) => address!.toLowerCase()).filter((address) => !read.has(address))
}
