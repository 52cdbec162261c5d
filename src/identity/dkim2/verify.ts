// Verifying DKIM2 (draft-ietf-dkim-dkim2-spec-06 §10, §11): the newest signature first, then the chain of custody down
// to the Originator, then every version of the message that the recipes bring back. Reasons are the draft's own words.

import type { Header } from '../../message/header.ts'
import type { Dns } from '../../world/dns.ts'
import type { Clock } from '../../world/world.ts'
import { findKey } from '../dkim/public-key.ts'
import { verifyData } from '../dkim/verify.ts'
import { domainOf, isWithin } from '../domain.ts'
import { type Step, step } from '../steps.ts'
import { bodyHash, type Content, contentOf, headerHash } from './content.ts'
import { comparablePath, type Dkim2Fields, type Dkim2Signature, type MessageInstance, readFields } from './fields.ts'
import { applyRecipe, parseRecipe } from './recipes.ts'

/** Who had the message in hands, and what he did to it. */
export interface Dkim2Hop {
  readonly i: number
  readonly domain: string
  /** He changed what is hashed, and said how. */
  readonly modified: boolean
  readonly flags: readonly string[]
}

export interface Dkim2Result {
  readonly result: 'none' | 'pass' | 'fail' | 'permerror' | 'temperror'
  readonly reason?: string
  /** Originator first. Proven only on 'pass'. */
  readonly hops: readonly Dkim2Hop[]
  /** The header hash of the first version: the same for every copy, so that a replay can be noticed (§11.9). */
  readonly originalHash: string | undefined
  readonly steps: readonly Step[]
}

/** How the message came, without angle brackets. */
export interface Dkim2Envelope {
  readonly reversePath: string
  readonly recipients: readonly string[]
}

interface Fault {
  readonly result: 'fail' | 'permerror' | 'temperror'
  readonly reason: string
}

/** §11.3. */
const MAX_AGE_S = 14 * 86_400
const FUTURE_TOLERANCE_S = 86_400

/** Never rejects. Without an envelope (a message from a file) it is not compared with the newest signature. */
export async function verifyDkim2(
  header: Header,
  envelope: Dkim2Envelope | undefined,
  dns: Dns,
  clock: Clock,
): Promise<Dkim2Result> {
  const steps: Step[] = []
  const fields = readFields(header)
  const finish = (result: Dkim2Result['result'], reason?: string): Dkim2Result => {
    steps.push(step(result, reason))
    const known = 'fault' in fields ? { instances: [], signatures: [] } : fields
    const originalHash = known.instances[0]?.hashes[0]?.header
    return { result, ...(reason === undefined ? {} : { reason }), hops: hopsOf(known), originalHash, steps }
  }
  if ('fault' in fields) return finish('permerror', fields.fault)
  if (fields.signatures.length === 0) return finish('none')
  const early = checkTimes(fields, clock) ?? checkCustody(fields, envelope)
  if (early) return finish(early.result, early.reason)
  steps.push(step('chain of custody', fields.signatures.map(({ domain }) => domain).join(', ')))
  // The newest version first: it costs no question to DNS to see that the message is not what was signed.
  const content = contentOf(header)
  const newest = checkHashes(fields.instances.at(-1)!, content)
  if (newest) return finish(newest.result, newest.reason)
  for (const signature of [...fields.signatures].reverse()) {
    const fault = await checkSignature(fields, signature, dns)
    if (fault) return finish(fault.result, fault.reason)
    steps.push(step('signature', `i=${signature.i} d=${signature.domain}`))
  }
  const fault = checkHistory(fields, content, steps) ?? checkExploded(fields)
  return fault ? finish(fault.result, fault.reason) : finish('pass')
}

function hopsOf({ signatures }: Dkim2Fields): Dkim2Hop[] {
  return signatures.map(({ i, m, domain, flags }, k) => ({
    i,
    domain,
    modified: k > 0 && m > signatures[k - 1]!.m,
    flags,
  }))
}

function permanent(reason: string): Fault {
  return { result: 'permerror', reason }
}

/** §11.3. */
function checkTimes({ signatures }: Dkim2Fields, clock: Clock): Fault | undefined {
  const nowS = Math.floor(clock.now() / 1000)
  for (const { i, timestampS } of signatures) {
    if (nowS - timestampS > MAX_AGE_S) return permanent(`DKIM2-Signature i=${i} signature expired`)
    if (timestampS - nowS > FUTURE_TOLERANCE_S) return permanent(`DKIM2-Signature i=${i} signature is from the future`)
  }
  return undefined
}

/** §11.4, §9.4. */
function checkCustody({ signatures }: Dkim2Fields, envelope: Dkim2Envelope | undefined): Fault | undefined {
  for (const [k, signature] of signatures.entries()) {
    const fault = checkHandover(signatures[k - 1], signature)
    if (fault) return fault
  }
  const { i, route } = signatures.at(-1)!
  if ('nextDomain' in route) return permanent(`DKIM2-Signature i=${i} unexpected nd= tag`)
  if (!envelope) return undefined
  const reversePath = comparablePath(envelope.reversePath)
  if (route.reversePath !== reversePath)
    return permanent(`DKIM2-Signature i=${i} MAIL FROM <${reversePath}> did not match`)
  const stranger = envelope.recipients.map(comparablePath).find((address) => !route.recipients.includes(address))
  if (stranger !== undefined) return permanent(`DKIM2-Signature i=${i} RCPT TO <${stranger}> did not match`)
  return undefined
}

/** Did `signature` come into the hands of its signer through the one before it? */
function checkHandover(before: Dkim2Signature | undefined, { i, domain, route }: Dkim2Signature): Fault | undefined {
  const sender = 'reversePath' in route ? domainOf(route.reversePath) : undefined
  // §8.8: the null reverse-path needs no match.
  if (sender !== undefined && sender !== '' && !isWithin(sender, domain))
    return permanent(`DKIM2-Signature i=${i} MAIL FROM and d= do not match`)
  if (!before) return undefined
  if ('nextDomain' in before.route)
    return before.route.nextDomain === domain
      ? undefined
      : permanent(`DKIM2-Signature i=${before.i} nd= does not match`)
  const recipients = before.route.recipients.map(domainOf)
  // §9.4: the domain of MAIL FROM or one above it received the message. A signer without MAIL FROM stands for himself.
  const isPassedOn =
    sender === undefined
      ? recipients.some((received) => isWithin(received, domain))
      : recipients.some((received) => received !== '' && isWithin(sender, received))
  return isPassedOn ? undefined : permanent(`DKIM2-Signature i=${i} MAIL FROM <${sender ?? domain}> did not match`)
}

/** §11.5, §11.6. */
async function checkSignature(fields: Dkim2Fields, signature: Dkim2Signature, dns: Dns): Promise<Fault | undefined> {
  const { i, m, domain, sets } = signature
  const data = Buffer.from(signedData(fields, i, m) + signature.unsignedText, 'latin1')
  const passed: string[] = []
  const failed: string[] = []
  for (const { selector, algorithm, value } of sets) {
    if (!algorithm) continue
    const about = `DKIM2-Signature i=${i} public key ${selector}`
    const name = `${selector}._domainkey.${domain}`
    const answer = await dns.resolve(name, 'TXT')
    if (answer.status === 'records' && answer.records.length > 1) return permanent(`${about} has multiple records`)
    // §11.5: h= of a key record is retired.
    const key = await findKey(dns, domain, selector, algorithm, false)
    if (!('key' in key)) {
      if (key.result === 'temperror') return { result: 'temperror', reason: `${about} could not be fetched` }
      return permanent(`${about} ${KEY_FAULTS[key.reason] ?? 'has a syntax error'}`)
    }
    if (verifyData(algorithm, data, key, value)) passed.push(selector)
    else failed.push(selector)
  }
  if (passed.length + failed.length === 0) return permanent(`DKIM2-Signature i=${i} has no algorithm that is known`)
  if (failed.length === 0) return undefined
  const some = `DKIM2-Signature i=${i} ${passed.join(' ')} signature passed, ${failed.join(' ')} signature failed`
  return {
    result: 'fail',
    reason: passed.length > 0 ? some : `DKIM2-Signature i=${i} ${failed.join(' ')} incorrect signature`,
  }
}

const KEY_FAULTS: Readonly<Record<string, string>> = {
  'no-key': 'does not exist',
  'key-type': 'algorithm mismatch',
  'key-revoked': 'has been revoked',
}

/** §9.6: the fields that stood there when signature `i` was made, without itself. */
export function signedData(
  { instances, signatures }: Readonly<Record<'instances' | 'signatures', readonly { readonly signedText: string }[]>>,
  i: number,
  m: number,
): string {
  const before = [...instances.slice(0, m), ...signatures.slice(0, i - 1)]
  return before.map(({ signedText }) => signedText).join('')
}

/** §11.7. */
function checkHashes({ m, hashes }: MessageInstance, content: Content): Fault | undefined {
  if (hashes.length === 0) return permanent(`Message-Instance m=${m} has no hash algorithm that is known`)
  for (const { algorithm, header, body } of hashes) {
    const mismatch = (what: string): Fault => ({
      result: 'fail',
      reason: `Message Instance m=${m} ${what} hash ${algorithm} mismatch`,
    })
    if (headerHash(content, algorithm) !== header) return mismatch('header')
    if (content.body && bodyHash(content.body, algorithm) !== body) return mismatch('body')
  }
  return undefined
}

/** §10.2: every former version, as the recipes tell it; and §11.8: was anything changed that somebody asked not to? */
function checkHistory({ instances, signatures }: Dkim2Fields, newest: Content, steps: Step[]): Fault | undefined {
  // The first version that somebody asked to leave as it is: everything made of it counts.
  const guarded = signatures.find(({ flags }) => flags.includes('donotmodify'))?.m ?? instances.length
  let content = newest
  for (let m = instances.length; m > 1; m--) {
    const { recipe: json } = instances[m - 1]!
    const recipe = json === undefined ? {} : parseRecipe(json)
    const former = recipe && applyRecipe(content, recipe)
    if (!former) return permanent(`Message-Instance m=${m} contains invalid JSON`)
    const fault = checkHashes(instances[m - 2]!, former)
    if (fault) return fault
    if (m > guarded && isAltered(former, content))
      return { result: 'fail', reason: 'Message has been modified despite a donotmodify request' }
    steps.push(step('former version', `m=${m - 1}${former.body ? '' : ', its body is not known'}`))
    content = former
  }
  return undefined
}

/** §8.10: header fields may be added, nothing else. */
function isAltered(former: Content, present: Content): boolean {
  if (!former.body || !present.body) return true
  if (bodyHash(former.body, 'sha256') !== bodyHash(present.body, 'sha256')) return true
  for (const [name, values] of former.fields) {
    const now = present.fields.get(name) ?? []
    let at = 0
    for (const value of values) {
      at = now.indexOf(value, at) + 1
      if (at === 0) return true
    }
  }
  return false
}

/** §11.8. */
function checkExploded({ signatures }: Dkim2Fields): Fault | undefined {
  const asked = signatures.findIndex(({ flags }) => flags.includes('donotexplode'))
  const isExploded = asked >= 0 && signatures.slice(asked + 1).some(({ flags }) => flags.includes('exploded'))
  return isExploded ? { result: 'fail', reason: 'Message has been exploded despite a donotexplode request' } : undefined
}
