// What an export has written so far: it goes on from there, and an import of it knows what its files are. Lies beside them.

import type { SpecialUse } from '../store/nouns/mail.ts'

export const EXPORT_STATE = 'borderpost-export.json'

export interface ExportedMailbox {
  readonly path: string
  readonly use: SpecialUse | null
  /** Its folder (Maildir) or file (mbox). */
  readonly location: string
  readonly isSubscribed: boolean
  readonly uidValidity: number
  /** Everything up to this UID is durable there. */
  through: number
  /** Bytes of the mbox file, or of the list of UIDs, up to there. */
  bytes: number
}

export interface ExportState {
  readonly account: string
  readonly format: 'mbox' | 'maildir'
  readonly mailboxes: ExportedMailbox[]
}

/** Undefined when the file is none of ours. */
export function exportState(text: Buffer): ExportState | undefined {
  try {
    const state = JSON.parse(text.toString()) as Partial<ExportState>
    const isOurs = (state.format === 'mbox' || state.format === 'maildir') && typeof state.account === 'string'
    if (!isOurs || !Array.isArray(state.mailboxes)) return undefined
    const isWhole = state.mailboxes.every(
      (one) =>
        [one?.path, one?.location].every((text) => typeof text === 'string') &&
        !/(^|\/)\.\.(\/|$)|^\//.test(one.location) &&
        [one.uidValidity, one.through, one.bytes].every((number) => Number.isSafeInteger(number) && number >= 0),
    )
    return isWhole ? (state as ExportState) : undefined
  } catch {
    return undefined
  }
}
