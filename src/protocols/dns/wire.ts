// DNS messages on the wire (RFC 1035 §4, EDNS0 RFC 6891): the npm package dns-packet with a border around it, so that
// what a stranger sent never throws and what we send is well formed.

import {
  type Answer,
  type DecodedPacket,
  DNSSEC_OK,
  decode,
  encode,
  type Packet,
  type Question,
  RECURSION_DESIRED,
} from 'dns-packet'

export type { Answer, Question }

/** A message that was decoded, with the numbers dns-packet leaves in the flags. */
export interface Message extends DecodedPacket {
  readonly id: number
  readonly questions: Question[]
  readonly answers: Answer[]
  readonly authorities: Answer[]
  readonly additionals: Answer[]
  readonly opcode: number
  readonly responseCode: number
}

/** RFC 1035 §4.1.1 response codes that we use. */
export const responseCodes = {
  noError: 0,
  formError: 1,
  serverFailure: 2,
  noName: 3,
  notImplemented: 4,
  refused: 5,
} as const

/** A UDP message that passes everywhere unfragmented (DNS flag day 2020). */
export const safeUdpBytes = 1232
/** What a client without EDNS0 takes (RFC 1035 §4.2.1). */
export const oldUdpBytes = 512
/** The two-octet length before each message over TCP (RFC 1035 §4.2.2). */
const tcpPrefixBytes = 2
export const headerBytes = 12
const DOT = 0x2e

/** Undefined for anything that is not a whole DNS message. */
export function decodeMessage(bytes: Buffer): Message | undefined {
  if (bytes.length < headerBytes) return undefined
  try {
    const packet = decode(bytes) as Message
    const flags = bytes.readUInt16BE(2)
    return Object.assign(packet, { opcode: (flags >> 11) & 0xf, responseCode: flags & 0xf })
  } catch {
    return undefined
  }
}

/** What is around the name in a question, by type and whether with EDNS0: always the same but for the id. */
const frames = new Map<string, Buffer>()

/**
 * A question for a recursive resolver; with EDNS0 it also asks for the AD bit (RFC 6840 §5.7, RFC 3225). `name`: one that
 * can be asked for.
 */
export function encodeQuestion(id: number, name: string, type: Question['type'], withEdns: boolean): Buffer {
  const key = `${type} ${withEdns}`
  const frame = frames.get(key) ?? questionFrame(type, withEdns)
  frames.set(key, frame)
  // The root's empty label is there; every other has a length in front of it, as long as the dot behind it in the text.
  const labels = name === '' || name === '.' ? 0 : name.length + 1
  const message = Buffer.allocUnsafe(frame.length + labels)
  frame.copy(message, 0, 0, headerBytes)
  message.writeUInt16BE(id, 0)
  if (labels > 0) {
    message.write(name, headerBytes + 1, 'latin1')
    let start = headerBytes
    for (let at = start + 1; at < headerBytes + labels; at++)
      if (message[at] === DOT) {
        message[start] = at - start - 1
        start = at
      }
    message[start] = headerBytes + labels - start - 1
  }
  frame.copy(message, headerBytes + labels, headerBytes)
  return message
}

/** The question for the root. */
function questionFrame(type: Question['type'], withEdns: boolean): Buffer {
  return encode({
    type: 'query',
    id: 0,
    flags: RECURSION_DESIRED,
    questions: [{ name: '.', type, class: 'IN' }],
    additionals: withEdns ? [optRecord(DNSSEC_OK)] : [],
  })
}

/** @throws Error when a name or a piece of data cannot be put on the wire */
export function encodeMessage(packet: Packet): Buffer {
  return encode(packet)
}

export function optRecord(flags: number): Answer {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: safeUdpBytes,
    extendedRcode: 0,
    ednsVersion: 0,
    flags,
    flag_do: flags !== 0,
    options: [],
  }
}

/** With the length prefix of TCP. */
export function frameForTcp(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(tcpPrefixBytes + message.length)
  frame.writeUInt16BE(message.length, 0)
  frame.set(message, tcpPrefixBytes)
  return frame
}

/** Takes whole messages out of a TCP byte stream, however it was cut. Holds at most one message of 64 KiB. */
export class TcpFrames {
  #pending: Buffer = Buffer.alloc(0)

  receive(bytes: Uint8Array): Buffer[] {
    this.#pending = this.#pending.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#pending, bytes])
    const messages: Buffer[] = []
    let at = 0
    while (this.#pending.length - at >= tcpPrefixBytes) {
      const end = at + tcpPrefixBytes + this.#pending.readUInt16BE(at)
      if (end > this.#pending.length) break
      messages.push(this.#pending.subarray(at + tcpPrefixBytes, end))
      at = end
    }
    this.#pending = this.#pending.subarray(at)
    return messages
  }
}
