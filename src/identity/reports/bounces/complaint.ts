// Complaints: reports of RFC 5965 (feedback.ts reads them), the form of before it that some providers still send, and the
// wish to hear no more of a list, sent by a program.

import { partText } from '../../../message/body.ts'
import { decodeEncodedWords } from '../../../message/encoded-word.ts'
import { firstValue, type Header } from '../../../message/header.ts'
import { allParts, type Part } from '../../../message/mime.ts'
import { parseFeedback } from '../feedback.ts'

export interface Complaint {
  /** Who complains; empty where that is kept secret. */
  readonly addresses: readonly string[]
  readonly by: string
  /** The message complained of. */
  readonly about: Header | undefined
}

const ADDRESS = /[^\s<>()",;:@]{1,100}@[A-Za-z0-9.-]{1,255}/

export function complaint(root: Part): Complaint | undefined {
  const feedback = parseFeedback(root)
  if (feedback && 'report' in feedback) {
    const { originalRcptTo, about, reportingMta, userAgent } = feedback.report
    const removal = /^removal-recipient:.{0,20}?([^\s<>()",;:@]{1,100}@[A-Za-z0-9.-]{1,255})/im.exec(
      reportText(root),
    )?.[1]
    if (removal) return { addresses: [removal], by: reportingMta ?? userAgent ?? '', about }
    const named = originalRcptTo.map((each) => ADDRESS.exec(each)?.[0]).filter((each) => each !== undefined)
    return { addresses: named.length > 0 ? named : toOf(about), by: reportingMta ?? userAgent ?? '', about }
  }
  const subject = decodeEncodedWords(firstValue(root.header, 'subject') ?? '')
  const from = ADDRESS.exec(firstValue(root.header, 'from') ?? '')?.[0] ?? ''
  const returned = [...allParts(root)].find(({ message }) => message)?.message?.header
  if (returned && /^complaint about message from|abuse report|feedback report/i.test(subject)) {
    const hidden = firstValue(returned, 'x-hmxmroriginalrecipient')
    const named = ADDRESS.exec(hidden ?? '')?.[0]
    return { addresses: named ? [named] : toOf(returned), by: from.replace(/^.*@/, ''), about: returned }
  }
  if (
    /^unsubscribe$/i.test(subject.trim()) &&
    /^auto-(?:replied|generated)/i.test(firstValue(root.header, 'auto-submitted') ?? '')
  )
    return { addresses: from ? [from] : [], by: from.replace(/^.*@/, ''), about: undefined }
  return undefined
}

/** The fields for programs, as they stand. */
function reportText(root: Part): string {
  const part = [...allParts(root)].find(({ subtype }) => subtype === 'feedback-report')
  return part ? partText(part).text.slice(0, 8000) : ''
}

function toOf(header: Header | undefined): string[] {
  const found = ADDRESS.exec((header && firstValue(header, 'to')) ?? '')?.[0]
  return found ? [found] : []
}
