// ClamAV through clamd's socket (clamd(8), command INSTREAM): the message goes over in chunks, a word comes back.
// Time-limited as a whole. That clamd fails is a value like any other: the role answers 451, and never lets the message
// through as if it had been looked at.

import { type Network, NetworkError, type Stream } from '../world/network.ts'
import type { Clock } from '../world/world.ts'
import { converse, type Partner, type Unavailable } from './converse.ts'

export type ScanResult =
  | { readonly kind: 'clean' }
  /** `name` as clamd calls it: printable, bounded. */
  | { readonly kind: 'infected'; readonly name: string }
  /** Larger than clamd takes (its StreamMaxLength): coming again will not help. */
  | { readonly kind: 'too-big' }
  | Unavailable

const CHUNK_BYTES = 64 * 1024
const MAX_ANSWER_BYTES = 4096

/** Has clamd look at one message. Never rejects because of clamd or the network. */
export function scan(
  source: Uint8Array,
  clamd: Partner,
  world: { readonly network: Network; readonly clock: Clock },
): Promise<ScanResult> {
  return converse(clamd, world, 'clamd did not answer', async (stream) => {
    // clamd may speak, and hang up, before it has taken everything.
    const answer = readAnswer(stream)
    await Promise.race([send(stream, source), answer])
    return resultOf(await answer)
  })
}

const unavailable = (reason: string): ScanResult => ({ kind: 'unavailable', reason })

/** 'z' commands end in NUL, and so do their answers. A chunk is its length and its bytes; length 0 ends the stream. */
async function send(stream: Stream, source: Uint8Array): Promise<void> {
  try {
    await stream.write(Buffer.from('zINSTREAM\0'))
    for (let at = 0; at < source.length; at += CHUNK_BYTES) {
      const chunk = source.subarray(at, at + CHUNK_BYTES)
      await stream.write(lengthOf(chunk.length))
      await stream.write(chunk)
    }
    await stream.write(lengthOf(0))
  } catch (error) {
    // It hung up. Whether it said why is in its answer.
    if (!(error instanceof NetworkError)) throw error
  }
}

function lengthOf(bytes: number): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes)
  return length
}

/** Up to NUL or the end; a break behind an answer is its end. */
async function readAnswer(stream: Stream): Promise<string> {
  let answer = Buffer.alloc(0)
  try {
    while (answer.length < MAX_ANSWER_BYTES && !answer.includes(0)) {
      const bytes = await stream.read()
      if (bytes === null) break
      answer = Buffer.concat([answer, bytes])
    }
  } catch (error) {
    if (!(error instanceof NetworkError) || answer.length === 0) throw error
  }
  const end = answer.indexOf(0)
  return answer.toString('latin1', 0, end < 0 ? answer.length : end).trim()
}

function resultOf(answer: string): ScanResult {
  if (answer === 'stream: OK') return { kind: 'clean' }
  const found = /^stream: (.+) FOUND$/.exec(answer)
  if (found !== null) return { kind: 'infected', name: printable(found[1]!) }
  if (answer.startsWith('INSTREAM size limit exceeded')) return { kind: 'too-big' }
  return unavailable(answer === '' ? 'clamd hung up without an answer' : `clamd said: ${printable(answer)}`)
}

const printable = (text: string) => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 200)
