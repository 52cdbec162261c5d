// Signing with DKIM2 (draft-ietf-dkim-dkim2-spec-06 §9): the Originator's first pair of fields, a Forwarder's signature
// over a message that it did not change, and a Reviser's recipe for getting back what it changed.

import { createHash, type KeyObject } from 'node:crypto'
import type { Header } from '../../message/header.ts'
import type { Clock, Cpu } from '../../world/world.ts'
import { algorithmOf } from '../dkim/sign.ts'
import { bodyHash, type Content, contentOf, headerHash } from './content.ts'
import { type MessageInstance, readFields } from './fields.ts'
import { makeRecipe } from './recipes.ts'
import { signedData } from './verify.ts'

export interface Dkim2Signing {
  /** d=: the domain of MAIL FROM or one above it. */
  readonly domain: string
  /** One signature for each; selectors differ. */
  readonly keys: readonly { readonly selector: string; readonly privateKey: KeyObject }[]
  /**
   * The envelope in which the message leaves, without angle brackets; or the domain that signs next, for a Forwarder
   * whose MAIL FROM is in another domain than the one that received the message (§9.3).
   */
  readonly route:
    | { readonly reversePath: string; readonly recipients: readonly string[] }
    | { readonly nextDomain: string }
  /** `donotmodify`, `donotexplode`, `feedback`, `feedhere`, `exploded`. */
  readonly flags?: readonly string[]
  /** At most 64 printable characters without a semicolon. */
  readonly nonce?: string
  /** The message as it arrived, for who changed it. */
  readonly former?: Header
}

export type Dkim2Signed = { readonly fields: Buffer } | { readonly fault: string }

const LINE = 72

/**
 * The fields to put in front of the message: DKIM2-Signature, and Message-Instance where the message is new or changed.
 * The message must have the form in which it leaves (§13). A fault: what stands there already is broken, or the message
 * was changed and nobody says what it was.
 * @throws what cpu.sign throws (a key that cannot sign)
 */
export async function signDkim2(
  header: Header,
  signing: Dkim2Signing,
  world: { readonly cpu: Cpu; readonly clock: Pick<Clock, 'now'> },
): Promise<Dkim2Signed> {
  const known = readFields(header)
  if ('fault' in known) return known
  const instance = nextInstance(header, known.instances, signing.former)
  if (instance && 'fault' in instance) return instance
  const m = known.instances.length + (instance ? 1 : 0)
  const i = known.signatures.length + 1
  const tags = [
    `i=${i};`,
    `m=${m};`,
    ...(signing.nonce === undefined ? [] : [`n=${signing.nonce};`]),
    `t=${Math.floor(world.clock.now() / 1000)};`,
    `d=${signing.domain};`,
    ...routeTags(signing.route),
    ...(signing.flags?.length ? [`f=${signing.flags.join(',')};`] : []),
  ]
  const prefixes = signing.keys.map(({ selector, privateKey }) => `${selector}:${algorithmOf(privateKey)}:`)
  const own = `dkim2-signature:${tags.join('')}s=${prefixes.join(',')};\r\n`
  const instances = instance ? [...known.instances, instance] : known.instances
  const signed = signedData({ instances, signatures: known.signatures }, i, m)
  const values = await Promise.all(
    signing.keys.map(({ privateKey }) => signatureOver(Buffer.from(signed + own, 'latin1'), privateKey, world.cpu)),
  )
  const sets = prefixes.map((prefix, k) => folded(`${k === 0 ? 's=' : ''}${prefix}`, values[k]!))
  const field = `DKIM2-Signature: ${fill(tags)}\r\n ${sets.join(',\r\n ')};\r\n`
  return { fields: Buffer.from(field + (instance?.field ?? ''), 'latin1') }
}

interface NewInstance {
  readonly field: string
  readonly signedText: string
}

/** §9.1: needed for a new message, and for one that is not what the newest instance says. */
function nextInstance(
  header: Header,
  instances: readonly MessageInstance[],
  former: Header | undefined,
): NewInstance | { fault: string } | undefined {
  const content = contentOf(header)
  const hashes = `sha256:${headerHash(content, 'sha256')}:${bodyHash(content.body!, 'sha256')}`
  const m = instances.length + 1
  const newest = instances.at(-1)
  if (!newest) return instanceField([`m=${m};`, `h=${hashes};`])
  if (isWhat(newest, content)) return undefined
  if (!former) return { fault: `the message was changed since m=${newest.m}` }
  const before = contentOf(former)
  // Nobody could get back to what was signed, so our signature would vouch for a change that is not ours.
  if (!isWhat(newest, before)) return { fault: `the message had been changed since m=${newest.m} when it arrived` }
  const recipe = makeRecipe(before, content)
  if (!recipe) return { fault: 'a former header field cannot be told in a recipe' }
  return instanceField([`m=${m};`, `h=${hashes};`], Buffer.from(JSON.stringify(recipe)).toString('base64'))
}

/** Is this the content that the instance was made for? */
function isWhat({ hashes }: MessageInstance, content: Content): boolean {
  const isEqual = ({ algorithm, header, body }: MessageInstance['hashes'][number]) =>
    headerHash(content, algorithm) === header && bodyHash(content.body!, algorithm) === body
  return hashes.length > 0 && hashes.every(isEqual)
}

function instanceField(tags: readonly string[], recipe?: string): NewInstance {
  const more = recipe === undefined ? '' : `r=${recipe};`
  const foldedMore = recipe === undefined ? '' : `\r\n ${folded('r=', recipe)};`
  return {
    // The two hashes take a line each.
    field: `Message-Instance: ${tags.join('\r\n ').replace(/=:/, '=:\r\n ')}${foldedMore}\r\n`,
    signedText: `message-instance:${tags.join('')}${more}\r\n`,
  }
}

function routeTags(route: Dkim2Signing['route']): string[] {
  if ('nextDomain' in route) return [`nd=${route.nextDomain};`]
  const base64 = (address: string) => Buffer.from(`<${address}>`).toString('base64')
  return [`mf=${base64(route.reversePath)};`, `rt=${route.recipients.map(base64).join(',')};`]
}

/** RSASSA-PKCS1-v1_5 over SHA-256, or Ed25519 over the SHA-256 hash (§3.2, §3.3). */
async function signatureOver(data: Buffer, privateKey: KeyObject, cpu: Cpu): Promise<string> {
  const value =
    algorithmOf(privateKey) === 'rsa-sha256'
      ? await cpu.sign('sha256', data, privateKey)
      : await cpu.sign(null, createHash('sha256').update(data).digest(), privateKey)
  return value.toString('base64')
}

/** Tags on lines of at most LINE characters where they fit; a longer list of recipients is cut after its commas. */
function fill(tags: readonly string[]): string {
  const lines = ['']
  for (const piece of tags.flatMap((tag) => tag.split(/(?<=,)/))) {
    const isNew = /^[a-z]+=/.test(piece) && lines.at(-1) !== ''
    const text = isNew ? ` ${piece}` : piece
    if (lines.at(-1)!.length + text.length > LINE && lines.at(-1) !== '') lines.push(piece)
    else lines[lines.length - 1] += text
  }
  return lines.join('\r\n ')
}

/** Base64 over as many lines as it takes. */
function folded(start: string, base64: string): string {
  return [start, ...(base64.match(new RegExp(`.{1,${LINE}}`, 'g')) ?? [])].join('\r\n ')
}
