// Notes between a Forwarder and the system its Recipient reads at: a letter that people can read, with a small JSON part
// for programs. What counts in it is proven by the letter's DKIM signature (DMARC of its From), never claimed.

import { partBytes } from '../../message/body.ts'
import { buildMessage, structuredField, textField } from '../../message/build.ts'
import { formatDate } from '../../message/date.ts'
import { fieldsNamed, type Header } from '../../message/header.ts'
import { allParts, parseStructure } from '../../message/mime.ts'
import type { ProbeReport } from '../../store/nouns/forwarding.ts'
import { type Agent, newTrace } from '../agent.ts'

export type Note =
  /** Forwarder to the target: may mail for `from` be sent to you? */
  | { readonly kind: 'request'; readonly from: string; readonly to: string; readonly code: string }
  /** The target's owner to the Forwarder: yes. */
  | { readonly kind: 'confirm'; readonly from: string; readonly to: string; readonly code: string }
  /** Forwarder to the target: what do you see of this? */
  | { readonly kind: 'probe'; readonly from: string; readonly to: string; readonly code: string }
  /** The target's system to the Forwarder: this. */
  | {
      readonly kind: 'report'
      readonly from: string
      readonly to: string
      readonly code: string
      readonly seen: Omit<ProbeReport, 'atMs'>
    }

/** The field says that there is a note; what it says is in the part. */
const FIELD = 'Borderpost-Forwarding'
const SUBTYPE = 'vnd.borderpost.forwarding+json'
const MAX_NOTE_BYTES = 4096
const KINDS = new Set(['request', 'confirm', 'probe', 'report'])

/** Where notes to a Forwarder go. */
export const notesAddress = (domain: string): string => `postmaster+forwarding@${domain}`

/** A letter that carries the note. */
export function noteLetter(
  agent: Agent,
  about: { from: string; to: string; subject: string; text: string },
  note: Note,
) {
  const trace = newTrace(agent.world)
  return buildMessage({
    fields: [
      structuredField('From', about.from),
      structuredField('To', about.to),
      textField('Subject', about.subject),
      structuredField('Date', formatDate(agent.world.clock.now())),
      structuredField('Message-ID', `<${trace}@${agent.hostName}>`),
      structuredField('Auto-Submitted', 'auto-generated'),
      structuredField(FIELD, note.kind),
    ],
    text: about.text,
    attachments: [
      { mediaType: `application/${SUBTYPE}`, fileName: 'forwarding.json', content: Buffer.from(JSON.stringify(note)) },
    ],
    boundary: () => `=_${newTrace(agent.world)}${newTrace(agent.world)}`,
  })
}

/** The note in a message; undefined when there is none that can be read. Never throws. */
export function readNote(header: Header, source: Buffer): Note | undefined {
  if (fieldsNamed(header, FIELD.toLowerCase()).length !== 1) return undefined
  for (const part of allParts(parseStructure(source))) {
    if (part.type !== 'application' || part.subtype !== SUBTYPE) continue
    if (part.bodyEnd - part.bodyStart > MAX_NOTE_BYTES) return undefined
    try {
      const note: unknown = JSON.parse(partBytes(part).toString('utf8'))
      return isNote(note) ? note : undefined
    } catch {
      return undefined
    }
  }
  return undefined
}

const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= 320

function isNote(value: unknown): value is Note {
  if (typeof value !== 'object' || value === null) return false
  const { kind, from, to, code, seen } = value as Record<string, unknown>
  if (!isText(kind) || !KINDS.has(kind) || !isText(from) || !isText(to) || !isText(code)) return false
  if (kind !== 'report') return true
  if (typeof seen !== 'object' || seen === null) return false
  const results = seen as Record<string, unknown>
  return ['by', 'spf', 'dkim', 'dmarc', 'arc'].every((key) => isText(results[key]))
}
