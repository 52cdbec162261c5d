// URLAUTH (RFC 4467) and URLAUTH=BINARY (RFC 5524): who may have what a URL leads to, and who may not.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ImapTests, said } from './testing.ts'
import { partOfUrl } from './url.ts'
import { submittedUrl } from './url-auth.ts'

const tests = new ImapTests(mkdtempSync(join(tmpdir(), 'borderpost-')), (folder) => rmSync(folder, { recursive: true }))

const MESSAGE = `Subject: two parts\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello.\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nR3LDvMOfZQ==\r\n--b\r\nContent-Transfer-Encoding: x-odd\r\n\r\n?\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\nAA==\r\n--b--\r\n`

/** Anna with a message in 'Größe', and a way to have her sign URLs to it. */
async function anna() {
  const { name } = await tests.person()
  const client = await tests.session(name)
  await said(client, 'CREATE Gr&APYA3w-e')
  await said(client, `APPEND Gr&APYA3w-e {${MESSAGE.length}}\r\n${MESSAGE}`)
  const [uidValidity] = /\d+/.exec(
    (await said(client, 'STATUS Gr&APYA3w-e (UIDVALIDITY)'))[0]!.replace(/.*VALIDITY/, ''),
  )!
  const rump = (part: string, access: string): string =>
    `imap://${encodeURIComponent(name)}@mail.here.test/Gr%C3%B6%C3%9Fe;UIDVALIDITY=${uidValidity}/;UID=1${part};URLAUTH=${access}`
  const sign = async (url: string): Promise<string> => {
    const [line] = await said(client, `GENURLAUTH "${url}" INTERNAL`)
    return /^\* GENURLAUTH "(.*)"$/.exec(line!)![1]!
  }
  return { name, client, rump, sign }
}

const fetched = async (client: Awaited<ReturnType<ImapTests['session']>>, wish: string): Promise<string> =>
  (await said(client, `URLFETCH ${wish}`))[0]!

test('a signed URL leads to the part for those it names, and to nothing for others', async () => {
  const { name, client, rump, sign } = await anna()
  const bob = await tests.person()
  const [other, third] = [await tests.session(bob.name), await tests.session()]
  const part = '/;SECTION=1'
  const forAll = await sign(rump(part, 'authuser'))
  assert.match(forAll, /;URLAUTH=authuser:INTERNAL:[0-9a-f]{66}$/)
  for (const one of [client, other]) {
    assert.equal(await fetched(one, `"${forAll}"`), `* URLFETCH "${forAll}" {6}\r\nHello.`)
  }
  const forBob = await sign(rump(part, `user+${encodeURIComponent(bob.name)}`))
  assert.match(await fetched(other, `"${forBob}"`), /Hello\.$/)
  assert.match(await fetched(third, `"${forBob}"`), / NIL$/)
  // Several at once, each for itself.
  assert.match(await fetched(third, `"${forBob}" "${forAll}"`), /^\* URLFETCH "\S+" NIL "\S+" \{6\}\r\nHello\.$/)

  // What was not signed so is not what was signed.
  const changed = [
    forAll.replace('UID=1', 'UID=2'),
    forAll.replace('SECTION=1', 'SECTION=2'),
    forAll.replace('/;SECTION=1', ''),
    forAll.replace('authuser', 'anonymous'),
    forAll.replace(/.$/, (digit) => (digit === '0' ? '1' : '0')),
    forAll.replace(/INTERNAL:.*/, `INTERNAL:${'0'.repeat(66)}`),
    forAll.replace(encodeURIComponent(name), encodeURIComponent(bob.name)),
    rump(part, 'authuser'),
    'imap://nobody@x/INBOX/;UID=1;URLAUTH=anonymous:INTERNAL:00',
  ]
  for (const url of changed) assert.match(await fetched(other, `"${url}"`), / NIL$/, url)

  // Only for a time.
  const expired = await sign(rump(`${part};EXPIRE=2001-01-01T00:00:00Z`, 'authuser'))
  assert.match(await fetched(other, `"${expired}"`), / NIL$/)
  const lasting = await sign(rump(`${part};EXPIRE=2999-01-01T00:00:00Z`, 'authuser'))
  assert.match(await fetched(other, `"${lasting}"`), /Hello\.$/)

  // Of one mailbox, then of all.
  const inbox = rump(part, 'anonymous').replace(/\/Gr[^/]*/, '/INBOX')
  await said(client, `APPEND INBOX {${MESSAGE.length}}\r\n${MESSAGE}`)
  const ofInbox = await sign(inbox)
  assert.match((await said(client, 'RESETKEY Gr&APYA3w-e INTERNAL')).at(-1)!, /^x OK \[URLMECH INTERNAL\]/)
  assert.match(await fetched(other, `"${forAll}"`), / NIL$/)
  assert.match(await fetched(other, `"${ofInbox}"`), /Hello\.$/)
  const again = await sign(rump(part, 'authuser'))
  assert.match(await fetched(other, `"${again}"`), /Hello\.$/)
  await said(client, 'RESETKEY')
  for (const url of [again, ofInbox]) assert.match(await fetched(other, `"${url}"`), / NIL$/)
})

test('nobody signs URLs to what is not theirs, and what is no URL is refused', async () => {
  const { client, rump } = await anna()
  const bob = await tests.session()
  assert.match((await said(bob, `GENURLAUTH "${rump('', 'anonymous')}" INTERNAL`, 'BAD')).at(-1)!, /not of your/)
  await said(client, `GENURLAUTH "${rump('', 'anonymous').replace(/\/Gr[^;]*/, '/Nowhere')}" INTERNAL`, 'BAD')
  await said(client, `GENURLAUTH "${rump(';EXPIRE=Mon, 1 Jan 2999 00:00:00 GMT', 'anonymous')}" INTERNAL`, 'BAD')
  await said(client, `GENURLAUTH "${rump('', 'everybody')}" INTERNAL`, 'BAD')
  await said(client, `GENURLAUTH "${rump('', 'anonymous')}" OTHER`, 'BAD')
  await said(client, 'GENURLAUTH "imap://x/;UID=1" INTERNAL', 'BAD')
  await said(client, 'RESETKEY Nowhere', 'NO')
  await said(client, 'URLFETCH', 'BAD')
})

test('people of the same domain go by their local part, too', async () => {
  const { name, rump, sign } = await anna()
  const bob = await tests.person()
  const local = (address: string) => encodeURIComponent(address.slice(0, address.indexOf('@')))
  const short = rump('/;SECTION=1', `user+${local(bob.name)}`).replace(encodeURIComponent(name), local(name))
  const url = await sign(short)
  assert.match(await fetched(await tests.session(bob.name), `"${url}"`), /Hello\.$/)
  assert.match(await fetched(await tests.session(), `"${url}"`), / NIL$/)
})

test('decoded, and with the structure of the part (RFC 5524)', async () => {
  const { client, rump, sign } = await anna()
  const second = await sign(rump('/;SECTION=2', 'anonymous'))
  assert.equal(
    await fetched(client, `("${second}" BINARY)`),
    `* URLFETCH "${second}" (BINARY {7}\r\nGr\xc3\xbc\xc3\x9fe)`,
  )
  assert.match(
    await fetched(client, `("${second}" BODYPARTSTRUCTURE BODY)`),
    /\(BODYPARTSTRUCTURE \("TEXT" "PLAIN" \("charset" "utf-8"\) NIL NIL "BASE64" 12 \d+ .*\)\) \(BODY \{12\}\r\nR3LDvMOfZQ==\)$/,
  )
  const odd = await sign(rump('/;SECTION=3', 'anonymous'))
  assert.match(await fetched(client, `("${odd}" BINARY)`), /\(BINARY NIL\)$/)
  const piece = await sign(rump('/;SECTION=2/;PARTIAL=1.2', 'anonymous'))
  assert.match(
    await fetched(client, `("${piece}" BINARY BODYPARTSTRUCTURE)`),
    /\(BODYPARTSTRUCTURE NIL\) \(BINARY \{2\}\r\nr\xc3\)$/,
  )
  // The structure is of the bytes that are given, where they are decoded.
  assert.match(
    await fetched(client, `("${second}" BINARY BODYPARTSTRUCTURE)`),
    /NIL NIL "8BIT" 7 0 .*\)\) \(BINARY \{7\}\r\nGr/,
  )
  assert.match(await fetched(client, `("${odd}" BINARY BODYPARTSTRUCTURE)`), /"X-ODD" 1 0 .*\)\) \(BINARY NIL\)$/)
  await said(client, `URLFETCH ("${second}" BODY BINARY)`, 'BAD')
  await said(client, `URLFETCH ("${second}" BODY BODY)`, 'BAD')
  assert.equal(await fetched(client, `("${second}")`), await fetched(client, `"${second}"`))
  const nul = await sign(rump('/;SECTION=4', 'anonymous'))
  assert.match(await fetched(client, `("${nul}" BINARY)`), /\(BINARY ~\{1\}\r\n\0\)$/)
  // A part that is not there.
  const none = await sign(rump('/;SECTION=200', 'anonymous'))
  assert.equal(await fetched(client, `"${none}"`), `* URLFETCH "${none}" {0}\r\n`)
  assert.equal(await fetched(client, `("${none}" BODYPARTSTRUCTURE BODY)`), `* URLFETCH "${none}" NIL`)
})

test('what is for submission is given to nobody in IMAP, and to the MSA of whom it names', async () => {
  const { name, client, rump, sign } = await anna()
  const { store } = tests.bench
  const url = await sign(rump('', `submit+${encodeURIComponent(name)}`))
  assert.match(await fetched(client, `"${url}"`), / NIL$/)
  const target = submittedUrl(store, url, store.accountByAddress(name)!, Date.now())!
  const whole = (await store.readBlob(target.blob))!
  assert.equal(partOfUrl(whole, target)?.toString('latin1'), MESSAGE)
  const other = await tests.person()
  assert.equal(submittedUrl(store, url, store.account(other.account)!, Date.now()), undefined)
  assert.equal(submittedUrl(store, url.replace('UID=1', 'UID=2'), store.accountByAddress(name)!, Date.now()), undefined)
  const forUsers = await sign(rump('', 'authuser'))
  assert.equal(submittedUrl(store, forUsers, store.accountByAddress(name)!, Date.now()), undefined)
})
