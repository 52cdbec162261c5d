import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { sealArc } from '../../identity/arc/seal.ts'
import { validateArc } from '../../identity/arc/validate.ts'
import { keyRecord } from '../../identity/dkim/keys.ts'
import { signDkim } from '../../identity/dkim/sign.ts'
import { directCpu, type FixedRecords, fixedClock, fixedDns } from '../../identity/testing.ts'
import { parseHeader } from '../../message/header.ts'
import { proofLines, proofsOf } from './proofs.ts'
import { trace } from './trace.ts'

const world = { cpu: directCpu, clock: fixedClock(1_800_000_000) }
const zone: Record<string, FixedRecords> = {}

function keyOf(domain: string, selector: string) {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const { name, text } = keyRecord(privateKey, domain, selector)
  zone[name] = { TXT: [text] }
  return { domain, selector, privateKey }
}
const senders = keyOf('sender.example', 's1')
const lists = keyOf('lists.example', 'l1')

const BODY = 'hello\r\n\r\nall of you\r\n'
const written = Buffer.from(
  `From: Anna <anna@sender.example>\r\nTo: talk@lists.example\r\nSubject: minutes\r\nDate: Fri, 27 Nov 2026 10:00:00 +0000\r\n\r\n${BODY}`,
)
const signed = async () => Buffer.concat([await signDkim(parseHeader(written), [senders], world), written])
const MAILED =
  'Received: from out.sender.example (out.sender.example [192.0.2.5]) by mx.lists.example with ESMTPS id 1 for <talk@lists.example>; Fri, 27 Nov 2026 10:00:01 +0000\r\n'
const FOUND = 'mx.lists.example; dkim=pass header.d=sender.example'

/** What the list makes of it. */
async function listed(message: Buffer, { footer = '', seals = true } = {}): Promise<Buffer> {
  const changed = Buffer.concat([
    Buffer.from(`Authentication-Results: ${FOUND}\r\n${MAILED}`),
    message,
    Buffer.from(footer),
  ])
  if (!seals) return changed
  const header = parseHeader(changed)
  return Buffer.concat([await sealArc(header, FOUND, lists, await validateArc(header, fixedDns(zone)), world), changed])
}

const proofs = (source: Buffer, dns: ReturnType<typeof fixedDns> | undefined) => proofsOf(source, trace(source), dns)
const states = async (source: Buffer, dns: ReturnType<typeof fixedDns> | undefined) =>
  (await proofs(source, dns)).signatures.map(({ kind, domain, state }) => `${kind} ${domain} ${state}`)

test('a signature that is right is valid; without keys it is told that the body is the one that was signed', async () => {
  const message = await signed()
  assert.deepEqual(await states(message, fixedDns(zone)), ['DKIM sender.example valid'])
  assert.deepEqual(await states(message, undefined), ['DKIM sender.example body unchanged'])
  // A message saved to a file has often lost the CR of its line ends.
  const saved = Buffer.from(message.toString('latin1').replaceAll('\r\n', '\n'), 'latin1')
  assert.deepEqual(await states(saved, fixedDns(zone)), ['DKIM sender.example valid'])
})

test('nobody is asked for a key where no Dns is given', async () => {
  const questions: string[] = []
  await proofs(await signed(), undefined)
  await proofs(await signed(), fixedDns(zone, questions))
  assert.deepEqual(questions, ['TXT s1._domainkey.sender.example'])
})

test('a key that is gone, one that cannot be had, a field that was changed', async () => {
  const message = await signed()
  assert.deepEqual(await states(message, fixedDns({})), ['DKIM sender.example key gone'])
  assert.deepEqual(await states(message, fixedDns({ 's1._domainkey.sender.example': { timeout: true } })), [
    'DKIM sender.example no answer',
  ])
  const other = Buffer.from(message.toString('latin1').replace('Subject: minutes', 'Subject: [talk] minutes'), 'latin1')
  assert.deepEqual(await states(other, fixedDns(zone)), ['DKIM sender.example header changed'])
})

test('of a header alone the signed fields are verified', async () => {
  const message = await signed()
  const header = message.subarray(0, message.indexOf('\r\n\r\n') + 2)
  const found = await proofs(header, fixedDns(zone))
  assert.equal(found.isWithoutBody, true)
  assert.equal(found.signatures[0]!.state, 'header valid')
  assert.deepEqual(await states(header, undefined), ['DKIM sender.example not checked'])
})

test("a list's footer is found, and whose hand it was", async () => {
  const message = await listed(await signed(), { footer: '-- \r\nTo leave, write to talk-request@lists.example\r\n' })
  const { signatures, chain } = await proofs(message, fixedDns(zone))
  const [dkim, arc] = signatures
  assert.equal(dkim!.state, 'body changed')
  assert.match(dkim!.why[0]!, /^Without the last 2 lines it is the one that was signed: they were added \("-- "\)/)
  assert.match(dkim!.why[1]!, /^lists\.example found it whole when it came, and its own signature fits/)
  assert.deepEqual([arc!.kind, arc!.instance, arc!.state], ['ARC', 1, 'valid'])
  assert.equal(chain?.result, 'pass')
})

test('without a seal, and without anybody who looked, it says what is known', async () => {
  const footer = 'Scanned.\r\n'
  const unsealed = await proofs(await listed(await signed(), { footer, seals: false }), undefined)
  assert.match(unsealed.signatures[0]!.why[1]!, /^mx\.lists\.example says that it was whole when it came there/)
  const alone = await proofs(Buffer.concat([await signed(), Buffer.from(footer)]), undefined)
  assert.match(alone.signatures[0]!.why[1]!, /^No hand on its way tells/)
  const replaced = Buffer.from((await signed()).toString('latin1').replace('all of you', 'nobody'), 'latin1')
  assert.deepEqual((await proofs(replaced, undefined)).signatures[0]!.why, ['No hand on its way tells when that was.'])
})

test('the report says it, and no control character of a message reaches the terminal', async () => {
  const text = proofLines(await proofs(await signed(), undefined)).join('\n')
  assert.match(text, /DKIM {2}sender\.example {2}body unchanged/)
  assert.match(text, /--verify/)
  const hostile = Buffer.from(`DKIM-Signature: v=1; a=\x1b[31m; d=x; s=y\r\n${written}`, 'latin1')
  assert.doesNotMatch(proofLines(await proofs(hostile, undefined)).join('\n'), /\x1b/)
})
