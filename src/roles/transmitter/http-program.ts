// Mail for a domain that a program takes by HTTP: the message as it is, POSTed to an https address, to a port of this machine,
// or to a socket file; the envelope in two fields. 2xx: taken. What may be better later (408, 425, 429, 5xx, no answer) waits,
// any other answer is a refusal. A program that is away is asked again as any destination is.

import { httpsPost } from '../../identity/mta-sts/https-get.ts'
import { type Reply, reply } from '../../protocols/smtp/reply.ts'
import type { QueueEntry } from '../../store/nouns/queue.ts'
import type { Agent } from '../agent.ts'

export interface HttpProgram {
  /** Lower case. */
  readonly domain: string
  readonly host: string
  readonly port: number
  readonly path: string
  /** Only ever on the machine itself. */
  readonly isPlain: boolean
  /** A socket file instead of host and port. */
  readonly socket: string | undefined
}

const TIMEOUT_MS = 300_000
const MAX_ANSWER_BYTES = 65_536
/** What is not for ever, of the codes of 4xx (RFC 9110 §15.5.9, RFC 8470, RFC 6585). */
const LATER: ReadonlySet<number> = new Set([408, 425, 429])

export interface PostedMail {
  readonly state: 'accepted' | 'deferred' | 'refused'
  readonly reply: Reply
  /** It did not answer: nothing is known of the message. */
  readonly isSilent: boolean
}

/** Hands one message over. Never rejects but for bugs. */
export async function postTo(
  { world }: Agent,
  { host, port, path, isPlain, socket }: HttpProgram,
  entries: readonly QueueEntry[],
  message: Buffer,
): Promise<PostedMail> {
  const fields = {
    'Envelope-From': `<${entries[0]!.reversePath}>`,
    'Envelope-To': entries.map(({ forwardPath }) => `<${forwardPath}>`).join(', '),
  }
  if (Object.values(fields).some((value) => /[\x00-\x1f\x7f]/.test(value)))
    throw new Error('a path with control characters')
  const outcome = await httpsPost(
    world,
    {
      ...{ host, port, path, isPlain, fields },
      ...(socket !== undefined && { socket }),
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_ANSWER_BYTES,
      contentType: 'message/rfc822',
      body: message,
    },
    { privateDestinations: true },
  )
  if ('fault' in outcome)
    return { state: 'deferred', reply: reply(421, '4.4.1', `no answer by HTTP: ${outcome.fault}`), isSilent: true }
  const { status, body } = outcome
  const [said = ''] = body.toString('utf8', 0, 200).split(/[\r\n]/)
  const text = `HTTP ${status}${said && `: ${said}`}`
  if (status >= 200 && status < 300) return { state: 'accepted', reply: reply(250, '2.0.0', text), isSilent: false }
  // A redirection is not followed: somebody has to look at the description.
  if (status < 400 || status >= 500 || LATER.has(status))
    return { state: 'deferred', reply: reply(451, '4.3.0', text), isSilent: status >= 502 && status <= 504 }
  return { state: 'refused', reply: reply(554, status === 413 ? '5.3.4' : '5.0.0', text), isSilent: false }
}
