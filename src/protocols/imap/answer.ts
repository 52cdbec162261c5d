// A command's tagged answer as a value (RFC 3501 §7.1).

/** A command's tagged answer. `code` is a response code without brackets (RFC 3501 §7.1). */
export interface Answer {
  readonly status: 'OK' | 'NO' | 'BAD'
  readonly code?: string
  readonly text: string
}

export const ok = (text: string, code?: string): Answer => ({ status: 'OK', text, ...(code && { code }) })
export const no = (text: string, code?: string): Answer => ({ status: 'NO', text, ...(code && { code }) })
export const bad = (text: string): Answer => ({ status: 'BAD', text })

/** The tagged answer was sent already: STARTTLS answers before the handshake. */
export const ANSWERED: Answer = { status: 'OK', text: '' }
