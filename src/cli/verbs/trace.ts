// `borderpost trace`: how a message came, as text, as a picture, or as data; of an mbox, by which paths its mail comes.

import { createReadStream, writeFileSync } from 'node:fs'
import { manyPicture, renderMany, traceMany } from '../../lab/trace/many.ts'
import { tracePicture } from '../../lab/trace/notation.ts'
import { proofLines, proofsOf } from '../../lab/trace/proofs.ts'
import { renderTrace } from '../../lab/trace/render.ts'
import { type TraceOptions, trace } from '../../lab/trace/trace.ts'
import { readMbox } from '../../moving/mbox.ts'
import { renderPicture } from '../../notation/draw.ts'
import { Resolver } from '../../protocols/dns/resolver.ts'
import type { Dns } from '../../world/dns.ts'
import { RealNetwork } from '../../world/real/network.ts'
import { systemDns } from '../../world/real/resolv-conf.ts'
import { realClock, realRandom } from '../../world/real/world.ts'
import { serverAt } from '../dns-servers.ts'
import { EXIT, readInput } from '../read-description.ts'

export interface TraceVerbOptions {
  readonly trusted?: readonly string[]
  readonly output?: string
  /** Ask DNS for the keys of signatures: a trace asks nobody unless it is told to. */
  readonly verify?: boolean
  /** Ask this server. */
  readonly dns?: string
  readonly json: boolean
}

export async function traceVerb(file: string, options: TraceVerbOptions): Promise<number> {
  const told: TraceOptions = options.trusted === undefined ? {} : { trustedBy: options.trusted }
  const dns = options.verify === true || options.dns !== undefined ? resolver(options.dns) : undefined
  if (dns === 'unusable') {
    console.error(`--dns ${options.dns} is no address, or address and port.`)
    return EXIT.usage
  }
  const start = file === '-' ? undefined : await firstBytes(file)
  const isMbox = start?.toString('latin1') === 'From '
  // Mail programs save a single message as an mbox of one.
  const one = isMbox ? await onlyMessage(file) : undefined
  if (isMbox && one === undefined) return traceMbox(file, told, options)
  const message = one ?? readInput(file)
  if (message === undefined) return EXIT.usage
  const result = trace(message, told)
  if (options.output !== undefined) writeFileSync(options.output, renderPicture(tracePicture(result)))
  const proofs = await proofsOf(message, result, dns)
  const lines = proofLines(proofs)
  const text = `${renderTrace(result)}${lines.length === 0 ? '' : `\n${lines.join('\n')}\n`}`
  process.stdout.write(options.json ? `${JSON.stringify({ ...result, proofs })}\n` : text)
  return EXIT.ok
}

function resolver(server: string | undefined): Dns | 'unusable' {
  const servers = server === undefined ? systemDns() : serverAt(server)
  if (servers === undefined) return 'unusable'
  return new Resolver({ network: new RealNetwork(), clock: realClock, random: realRandom, ...servers })
}

async function traceMbox(file: string, told: TraceOptions, { output, json }: TraceVerbOptions): Promise<number> {
  const many = await traceMany(messagesOf(file), told)
  const picture = manyPicture(many)
  if (output !== undefined && picture !== undefined) writeFileSync(output, renderPicture(picture))
  process.stdout.write(json ? `${JSON.stringify(many)}\n` : renderMany(many))
  return EXIT.ok
}

async function* messagesOf(file: string): AsyncGenerator<Buffer> {
  for await (const { content } of readMbox(createReadStream(file))) if (content !== undefined) yield content
}

/** Undefined when there are more, or none. */
async function onlyMessage(file: string): Promise<Buffer | undefined> {
  let one: Buffer | undefined
  for await (const message of messagesOf(file)) {
    if (one !== undefined) return undefined
    one = message
  }
  return one
}

/** Undefined when there is no such file: whoever reads it says so. */
async function firstBytes(file: string): Promise<Buffer | undefined> {
  try {
    for await (const chunk of createReadStream(file, { end: 4 })) return chunk as Buffer
  } catch {
    return undefined
  }
  return undefined
}
