// An authoritative DNS server over world.network (RFC 1034 §4.3.2, RFC 1035 §4.2), for simulated systems and for small
// real ones. UDP answers never exceed 1232 bytes and what does not fit is truncated to less than it was asked with, so
// that it is of no use to an amplifier; foreign names are refused; responses are never answered.

import { AUTHENTIC_DATA, AUTHORITATIVE_ANSWER, RECURSION_DESIRED, TRUNCATED_RESPONSE } from 'dns-packet'
import type { Endpoint, Network, Stream } from '../../world/network.ts'
import { KnownReplies } from './known-replies.ts'
import { canonicalName, isAskable } from './name.ts'
import {
  type Answer,
  decodeMessage,
  encodeMessage,
  frameForTcp,
  headerBytes,
  type Message,
  oldUdpBytes,
  optRecord,
  responseCodes,
  safeUdpBytes,
  TcpFrames,
} from './wire.ts'
import type { ZoneRecord, ZoneTable } from './zone.ts'

const longestChain = 8
const largestTcpMessage = 65_535
const mostStreams = 200
const mostQuestionsPerStream = 1000
const idleMs = 10_000
const txtStringBytes = 255

export interface DnsServer {
  readonly endpoint: Endpoint
  close(): Promise<void>
}

/** Serves the zones on UDP and TCP at one endpoint (port 0: the same free port for both). @throws NetworkError */
export async function startDnsServer(options: {
  readonly network: Network
  readonly at: Endpoint
  readonly zones: ZoneTable
}): Promise<DnsServer> {
  const { network, at, zones } = options
  const streams = new Set<Stream>()
  const replies = new KnownReplies(zones, (question) => answerMessage(zones, question, 'udp'))
  const listener = await network.listen(at, (stream) => {
    if (streams.size >= mostStreams) return stream.destroy()
    streams.add(stream)
    serveStream(stream, zones)
      .catch(() => stream.destroy())
      .finally(() => streams.delete(stream))
  })
  const endpoint = { address: at.address, port: listener.endpoint.port }
  try {
    const socket = await network.udp(endpoint, ({ bytes, from }) => {
      const reply = replies.to(bytes)
      if (reply !== undefined) socket.send(reply, from)
    })
    return {
      endpoint,
      async close() {
        socket.close()
        for (const stream of streams) stream.destroy()
        await listener.close()
      },
    }
  } catch (error) {
    await listener.close()
    throw error
  }
}

async function serveStream(stream: Stream, zones: ZoneTable): Promise<void> {
  const frames = new TcpFrames()
  let answered = 0
  for (let bytes = await stream.read(idleMs); bytes !== null; bytes = await stream.read(idleMs)) {
    for (const message of frames.receive(bytes)) {
      const reply = answerMessage(zones, message, 'tcp')
      if (reply === undefined || ++answered > mostQuestionsPerStream) return stream.destroy()
      await stream.write(frameForTcp(reply))
    }
  }
  stream.end()
}

/** The reply to one message, or undefined where none may be given. */
export function answerMessage(zones: ZoneTable, bytes: Buffer, transport: 'udp' | 'tcp'): Buffer | undefined {
  // A response is never answered: two servers would answer each other for ever.
  if (bytes.length < headerBytes || (bytes[2]! & 0x80) !== 0) return undefined
  const query = decodeMessage(bytes)
  if (query === undefined) return bareReply(bytes, responseCodes.formError)
  if (query.opcode !== 0) return bareReply(bytes, responseCodes.notImplemented)
  if (query.questions.length !== 1) return bareReply(bytes, responseCodes.formError)
  // Other bytes than those of names come back from decoding as other characters: the question could not be repeated.
  const asked = canonicalName(query.questions[0]!.name)
  if (asked !== '' && !isAskable(asked)) return bareReply(bytes, responseCodes.formError)
  const opt = query.additionals.find((record) => record.type === 'OPT')
  const reply = answerQuestion(zones, query, opt !== undefined)
  if (reply === undefined) return bareReply(bytes, responseCodes.serverFailure)
  // RFC 6891 §6.2.3: sizes below 512 mean 512.
  const offered = opt?.type === 'OPT' ? Math.max(opt.udpPayloadSize, oldUdpBytes) : oldUdpBytes
  const limit = transport === 'tcp' ? largestTcpMessage : Math.min(offered, safeUdpBytes)
  if (reply.length <= limit) return reply
  const flags = AUTHORITATIVE_ANSWER | TRUNCATED_RESPONSE | (query.flags! & RECURSION_DESIRED)
  return encodeReply(query, { flags, opt: opt !== undefined })
}

function answerQuestion(zones: ZoneTable, query: Message, hasOpt: boolean): Buffer | undefined {
  const question = query.questions[0]!
  const recursion = query.flags! & RECURSION_DESIRED
  let name = canonicalName(question.name)
  const first = question.class === 'IN' ? zones.find(name, question.type) : undefined
  // Transfers are for secondary servers, which we have none of.
  if (first === undefined || question.type === 'AXFR' || question.type === 'IXFR') {
    return encodeReply(query, { flags: responseCodes.refused | recursion, opt: hasOpt })
  }
  const answers: Answer[] = []
  const authorities: Answer[] = []
  let isAuthenticated = true
  let code: number = responseCodes.noError
  let finding: ReturnType<ZoneTable['find']> = first
  // RFC 1034 §4.3.2 step 3a: aliases are followed as far as our zones reach.
  for (let followed = 0; finding !== undefined && followed < longestChain; followed++) {
    isAuthenticated &&= finding.authenticated
    if (finding.status !== 'records') {
      authorities.push(negativeSoa(finding.soa))
      if (finding.status === 'no-name') code = responseCodes.noName
      break
    }
    answers.push(...finding.records.map(wireRecord))
    const [alias] = finding.records
    if (alias?.type !== 'CNAME' || question.type === 'CNAME') break
    name = canonicalName(alias.data)
    finding = zones.find(name, question.type)
  }
  const flags = AUTHORITATIVE_ANSWER | (isAuthenticated ? AUTHENTIC_DATA : 0) | recursion | code
  return encodeReply(query, { flags, answers, authorities, opt: hasOpt })
}

/** RFC 2308 §3: its TTL is how long the "no" may be remembered. */
function negativeSoa(soa: ZoneRecord): Answer {
  const minimumS = soa.type === 'SOA' ? soa.data.minimumS : soa.ttlS
  return wireRecord({ ...soa, ttlS: Math.min(soa.ttlS, minimumS) })
}

function encodeReply(
  query: Message,
  reply: { flags: number; answers?: Answer[]; authorities?: Answer[]; opt: boolean },
): Buffer | undefined {
  try {
    return encodeMessage({
      type: 'response',
      id: query.id,
      flags: reply.flags,
      questions: query.questions,
      answers: reply.answers ?? [],
      authorities: reply.authorities ?? [],
      additionals: reply.opt ? [optRecord(0)] : [],
    })
  } catch {
    return undefined
  }
}

/** Header only: for what could not be understood. */
function bareReply(bytes: Buffer, code: number): Buffer {
  const reply = Buffer.alloc(headerBytes)
  bytes.copy(reply, 0, 0, 4)
  // QR set; opcode and RD as they came; no AA, TC, RA.
  reply[2] = 0x80 | (bytes[2]! & 0x79)
  reply[3] = code
  return reply
}

function wireRecord(record: ZoneRecord): Answer {
  const base = { name: record.name === '' ? '.' : record.name, ttl: record.ttlS, class: 'IN' as const }
  switch (record.type) {
    case 'TXT':
      return { ...base, type: 'TXT', data: txtStrings(record.data) }
    case 'MX':
      return {
        ...base,
        type: 'MX',
        data: { preference: record.data.preference, exchange: record.data.exchange || '.' },
      }
    case 'SOA': {
      const { primary, responsible, serial, refreshS, retryS, expireS, minimumS } = record.data
      return {
        ...base,
        type: 'SOA',
        data: {
          mname: primary || '.',
          rname: responsible,
          serial,
          refresh: refreshS,
          retry: retryS,
          expire: expireS,
          minimum: minimumS,
        },
      }
    }
    case 'SRV':
      return { ...base, type: 'SRV', data: { ...record.data, target: record.data.target || '.' } }
    case 'CAA': {
      const { isCritical, tag, value } = record.data
      return { ...base, type: 'CAA', data: { issuerCritical: isCritical, tag: tag as 'issue', value } }
    }
    case 'TLSA':
      return { ...base, type: 'TLSA', data: record.data }
    default:
      return { ...base, type: record.type, data: record.data || '.' }
  }
}

function txtStrings(value: string): Buffer[] {
  const bytes = Buffer.from(value, 'latin1')
  const strings = [bytes.subarray(0, txtStringBytes)]
  for (let at = txtStringBytes; at < bytes.length; at += txtStringBytes)
    strings.push(bytes.subarray(at, at + txtStringBytes))
  return strings
}
