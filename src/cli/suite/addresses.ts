// The is_email suite: SMTP takes what RFC 5321 has and refuses errors; headers read all but errors.

import { readFileSync } from 'node:fs'
import { mailboxesOf, parseAddressList, parseSmtpPath } from '../../message/address.ts'
import { filesIn, type Suite, SuiteReport } from './report.ts'

interface AddressCase {
  id: string
  address: string
  category: string
  diagnosis: string
}

const SMTP_VALID = new Set(['ISEMAIL_VALID_CATEGORY', 'ISEMAIL_DNSWARN', 'ISEMAIL_RFC5321'])

export const addressesSuite: Suite = async (dir) => {
  const report = new SuiteReport()
  for (const file of filesIn(dir, '.json')) {
    for (const entry of JSON.parse(readFileSync(file, 'utf8')) as AddressCase[]) checkAddress(report, entry)
  }
  return report
}

function checkAddress(report: SuiteReport, { id, address, category, diagnosis }: AddressCase): void {
  // Characters from U+2400 stand for control characters.
  const text = address.replace(/[\u2400-\u241f]/g, (character) => String.fromCharCode(character.charCodeAt(0) - 0x2400))
  const where = `${id} ${JSON.stringify(text)} (${diagnosis})`
  const isError = category === 'ISEMAIL_ERR'
  if (isError || SMTP_VALID.has(category)) {
    const path = parseSmtpPath(`<${text}>`, 'forward')
    const got = path.ok && path.length === text.length + 2 ? 'accepted' : 'refused'
    report.check(`${where} in SMTP`, isError ? 'refused' : 'accepted', got)
  }
  if (!isError) {
    const list = parseAddressList(text)
    report.check(`${where} in a header`, 'one mailbox', mailboxesOf(list).length === 1 ? 'one mailbox' : 'none')
  }
}
