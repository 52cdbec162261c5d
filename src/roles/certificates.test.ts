// Client certificates in the simulated world: whose they are, at AUTH EXTERNAL and without AUTH, and what ends with them.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { TestSystem, TWO_AGENTS } from '../system/testing.ts'
import type { Stream, TlsIdentity } from '../world/network.ts'
import { keyFingerprint } from './certificates.ts'
import { SecurityDesk } from './security-desk.ts'

const ANNA = 'anna@sender.test'
const BOB = 'bob@recipient.test'
const HOME = '192.0.2.7'
const WITH_CARL = `${TWO_AGENTS}
Author@carl ==> MSA/Transmitter@sender --> / --> Receiver/MDA@recipient
carl: address=carl@sender.test, name="Carl", password=demo
`

/** A certificate for a person; `days`: how long it is good. */
function certificateOf(address: string, days = 3650): TlsIdentity {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-'))
  const [key, certificate] = [join(folder, 'key'), join(folder, 'certificate')]
  const form = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=x']
  const more = [
    '-days',
    String(days),
    '-addext',
    `subjectAltName=email:${address}`,
    '-keyout',
    key,
    '-out',
    certificate,
  ]
  execFileSync('openssl', [...form, ...more], { stdio: 'ignore' })
  const identity = { certificatePem: readFileSync(certificate, 'utf8'), privateKeyPem: readFileSync(key, 'utf8') }
  rmSync(folder, { recursive: true })
  return identity
}

const identity = certificateOf(ANNA)
const fingerprint = keyFingerprint(identity.certificatePem)!

async function at(description: string, startMs?: number) {
  const world = await TestSystem.start(description, startMs === undefined ? {} : { startMs })
  const { agent, accounts } = world.system.agent('sender')
  const deskOf = (address: string) => new SecurityDesk(agent, accounts, agent.store.accountByAddress(address)!)
  const add = (address: string, wish: object = {}, password = 'demo') =>
    world.run(
      deskOf(address).addCertificate(
        { name: 'Robot', doors: ['smtp', 'imap'], certificate: identity.certificatePem, password, ...wish },
        HOME,
      ),
    )
  const { network } = world.stranger('127.0.99.1').world
  /** Says the lines one after another over TLS, with the certificate; what was said last, and the connection. */
  const talk = async (service: 'submissions' | 'imaps', lines: readonly string[], shown?: TlsIdentity) => {
    const tls = { role: 'client', serverName: 'mail.sender.test', mustAuthenticate: false } as const
    const more = { timeoutMs: 1000, tls: { ...tls, ...(shown && { identity: shown }) } }
    const dialogue = async () => {
      const stream = await network.connect(world.system.agent('sender').endpoint(service)!, more)
      const said = [await hear(stream)]
      for (const line of lines) {
        await stream.write(Buffer.from(`${line}\r\n`))
        said.push(await hear(stream))
      }
      return { said, stream }
    }
    return world.run(dialogue())
  }
  return { world, agent, deskOf, add, talk }
}

async function hear(stream: Stream): Promise<string> {
  const bytes = await stream.read(5000)
  return bytes === null ? 'closed' : Buffer.from(bytes).toString('latin1')
}

const letter = (from: string) => [
  `MAIL FROM:<${from}>`,
  `RCPT TO:<${BOB}>`,
  'DATA',
  `From: ${from}\r\nSubject: by certificate\r\n\r\nhello\r\n.`,
]

test('the key of a certificate: from PEM, and as written by people', () => {
  assert.match(fingerprint, /^[0-9a-f]{64}$/)
  const written = fingerprint.toUpperCase().replace(/..(?=.)/g, '$&:')
  assert.equal(keyFingerprint(` ${written}\n`), fingerprint)
  for (const bad of ['', 'x', fingerprint.slice(1), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'])
    assert.equal(keyFingerprint(bad), undefined)
})

test('a certificate in the settings: EXTERNAL at submission and IMAP, listed and ended', async () => {
  const { world, deskOf, add, talk } = await at(TWO_AGENTS)
  // Nobody has one: nobody is asked for one, and EXTERNAL is not offered.
  assert.doesNotMatch((await talk('submissions', ['EHLO x'], identity)).said[1]!, /EXTERNAL/)
  assert.equal(await add(ANNA), undefined)
  assert.doesNotMatch((await talk('submissions', ['EHLO x'])).said[1]!, /EXTERNAL/)
  const smtp = await talk('submissions', ['EHLO x', 'AUTH EXTERNAL =', ...letter(ANNA)], identity)
  assert.match(smtp.said[1]!, /AUTH EXTERNAL SCRAM-SHA-256-PLUS /)
  assert.match(smtp.said[2]!, /^235 /)
  assert.match(smtp.said.at(-1)!, /^250 2\.0\.0 accepted as/)
  const imap = await talk('imaps', ['a AUTHENTICATE EXTERNAL YW5uYQ=='], identity)
  assert.match(imap.said[1]!, /^a OK .*signed in/)
  await world.passTime(1000)
  const { connections, certificates } = deskOf(ANNA).view()
  assert.deepEqual(
    connections.map(({ door, name, from }) => [door, name, from]),
    [
      ['smtp', 'Robot', '127.0.99.1'],
      ['imap', 'Robot', '127.0.99.1'],
    ],
  )
  assert.equal(certificates[0]!.lastUse?.from, '127.0.99.1')
  assert.equal(await world.run(deskOf(ANNA).removeCertificate(certificates[0]!.id)), undefined)
  assert.deepEqual(deskOf(ANNA).view().connections, [])
  for (const { stream } of [smtp, imap])
    assert.equal(
      await world.run(
        hear(stream).then(
          (said) => said === 'closed' || /BYE/.test(said),
          () => true,
        ),
      ),
      true,
    )
  assert.match((await talk('submissions', ['EHLO x', 'AUTH EXTERNAL ='], identity)).said[2]!, /^504 /)
  await world.quiet()
  assert.equal((await world.mail('recipient', BOB)).length, 1)
})

test('without AUTH, the certificate alone makes its holder the Author, and nobody else', async () => {
  const { world, deskOf, add, talk } = await at(TWO_AGENTS)
  await add(ANNA)
  const by = async (from: string, shown?: TlsIdentity) =>
    (await talk('submissions', ['EHLO x', ...letter(from)], shown)).said
  assert.match((await by(ANNA, identity)).at(-1)!, /^250 2\.0\.0 accepted as/)
  await world.passTime(1000)
  assert.deepEqual(
    deskOf(ANNA)
      .view()
      .connections.map(({ door, name }) => [door, name]),
    [['smtp', 'Robot']],
  )
  assert.match((await by('postmaster@sender.test', identity))[2]!, /^553 5\.7\.1 /)
  assert.match((await by(ANNA))[2]!, /^530 5\.7\.0 /)
  assert.match((await by(ANNA, certificateOf(ANNA)))[2]!, /^530 5\.7\.0 /)
  await world.run(deskOf(ANNA).removeCertificate(deskOf(ANNA).view().certificates[0]!.id))
  assert.match((await by(ANNA, identity))[2]!, /^530 5\.7\.0 /)
})

test('only at the doors it is for, and only while it is good', async () => {
  const short = certificateOf(ANNA, 1)
  const begin = async (startMs: number) => {
    const { add, talk } = await at(TWO_AGENTS, startMs)
    await add(ANNA, { doors: ['imap'], certificate: short.certificatePem })
    return talk
  }
  const talk = await begin(Date.now())
  const later = await begin(Date.now() + 2 * 86_400_000)
  assert.match((await talk('submissions', ['EHLO x', 'AUTH EXTERNAL ='], short)).said[2]!, /^535 /)
  assert.match((await talk('imaps', ['a AUTHENTICATE EXTERNAL ='], short)).said[1]!, /^a OK/)
  const refused = /^a NO \[AUTHENTICATIONFAILED\]/
  assert.match((await later('imaps', ['a AUTHENTICATE EXTERNAL ='], short)).said[1]!, refused)
})

test('two who name the same key: each by name, and without one whose address stands in the certificate', async () => {
  const { add, talk } = await at(WITH_CARL)
  await add('carl@sender.test')
  const whoami = async (user: string) => {
    const { said } = await talk(
      'imaps',
      [
        `a AUTHENTICATE EXTERNAL ${Buffer.from(user).toString('base64') || '='}`,
        'b GETQUOTAROOT INBOX',
        'c MYRIGHTS INBOX',
      ],
      identity,
    )
    return said[1]!.startsWith('a OK')
  }
  assert.equal(await whoami('carl'), true)
  assert.equal(await whoami(ANNA), false)
  await add(ANNA)
  assert.equal(await whoami(ANNA), true)
  assert.equal(await whoami('carl'), true)
  assert.equal(await whoami('nobody@sender.test'), false)
  const by = async (from: string) => (await talk('submissions', ['EHLO x', `MAIL FROM:<${from}>`], identity)).said[2]!
  // Neither has the other's addresses by it.
  assert.match(await by(ANNA), /^250/)
  assert.match(await by('carl@sender.test'), /^250/)
  assert.match(await by('postmaster@sender.test'), /^5/)
  const alone = await talk('submissions', ['EHLO x', 'AUTH EXTERNAL =', 'MAIL FROM:<anna@sender.test>'], identity)
  assert.match(alone.said[3]!, /^250 /)
})

test('the description names a certificate, of another system for example', async () => {
  const { world, talk } = await at(`${TWO_AGENTS}\nanna: certificate=${fingerprint}\nsender: password=no`)
  const { said } = await talk('submissions', ['EHLO x', ...letter(ANNA)], identity)
  assert.doesNotMatch(said[1]!, /PLAIN|SCRAM/)
  assert.match(said.at(-1)!, /^250 2\.0\.0 accepted as/)
  const external = await talk('submissions', ['EHLO x', 'AUTH EXTERNAL =', ...letter(ANNA)], identity)
  assert.match(external.said.at(-1)!, /^250 2\.0\.0 accepted as/)
  assert.match((await talk('submissions', ['EHLO x', 'AUTH PLAIN AGFubmEAZGVtbw=='], identity)).said[2]!, /^504 /)
  await world.quiet()
  assert.equal((await world.mail('recipient', BOB)).length, 2)
})

test('added by who knows the password, with a name and a purpose, once', async () => {
  const { add, deskOf, world } = await at(TWO_AGENTS)
  const complaint = async (wish: object, password?: string) =>
    ((await add(ANNA, wish, password)) as { complaint: string }).complaint
  assert.equal(await complaint({}, 'wrong'), 'The password is not right.')
  assert.equal(await complaint({ name: ' ' }), 'Say for which program it is.')
  assert.equal(await complaint({ doors: ['jmap'] }), 'Say what it is good for.')
  assert.match(await complaint({ certificate: 'hello' }), /^This is neither a certificate/)
  assert.equal(await add(ANNA, { certificate: fingerprint }), undefined)
  assert.equal(await complaint({}), 'It is in the list already.')
  const [kept] = deskOf(ANNA).view().certificates
  assert.deepEqual([kept!.name, kept!.doors, kept!.key], ['Robot', ['imap', 'smtp'], fingerprint])
  assert.deepEqual(await world.run(deskOf(ANNA).removeCertificate(999)), {
    complaint: 'There is no such certificate any more.',
  })
})

test('submission connections are listed, and end with the app password or the password that opened them', async () => {
  const { world, deskOf, talk } = await at(TWO_AGENTS)
  const answer = await world.run(deskOf(ANNA).make('Phone', ['smtp'], 'demo', HOME))
  assert.ok(answer !== undefined && 'secret' in answer)
  const plain = (password: string) => `AUTH PLAIN ${Buffer.from(`\0${ANNA}\0${password}`).toString('base64')}`
  const phone = await talk('submissions', ['EHLO x', plain(answer.secret)])
  const other = await talk('submissions', ['EHLO x', plain('demo')])
  const names = () =>
    deskOf(ANNA)
      .view()
      .connections.map(({ door, name }) => [door, name])
  assert.deepEqual(names(), [
    ['smtp', 'Phone'],
    ['smtp', null],
  ])
  const isEnded = (stream: Stream) =>
    world.run(
      hear(stream).then(
        (said) => said === 'closed',
        () => true,
      ),
    )
  await world.run(deskOf(ANNA).revoke(deskOf(ANNA).view().passwords[0]!.id))
  assert.equal(await isEnded(phone.stream), true)
  assert.deepEqual(names(), [['smtp', null]])
  await world.run(deskOf(ANNA).changePassword('demo', 'correct horse', HOME))
  assert.equal(await isEnded(other.stream), true)
  assert.deepEqual(names(), [])
  const third = await talk('submissions', ['EHLO x', plain('correct horse'), 'QUIT'])
  assert.match(third.said[3]!, /^221/)
  await world.passTime(5000)
  assert.deepEqual(names(), [])
})
