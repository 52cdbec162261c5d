// Programs that nobody here wrote send mail: swaks, curl, nodemailer, mutt. Each is skipped where it is missing.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createTransport } from 'nodemailer'
import { type Demo, type DemoPerson, type Door, endDemos, startDemo, temporaryFolder, until } from './demo.ts'
import { byImap } from './mailbox.ts'
import { missing, muttHome, type Ran, run } from './programs.ts'

let demo: Demo
let anna: DemoPerson
let bob: DemoPerson
let count = 0
before(async () => {
  demo = await startDemo()
  anna = demo.person('anna')
  bob = demo.person('bob')
})
after(endDemos)

const subject = (of: string) => `${of} ${++count}`

/** The message with this subject, as soon as it lies in Bob's inbox. */
function arrived(wanted: string): Promise<string> {
  return until(`"${wanted}" in the inbox`, async () =>
    (await byImap(bob))
      .map((source) => source.toString('latin1'))
      .find((text) => text.includes(`Subject: ${wanted}\r\n`)),
  )
}

// ---- swaks -----------------------------------------------------------------------------------------------------------

const swaks = (door: Door, ...parameters: string[]): Promise<Ran> =>
  run('swaks', ['--server', door.host, '--port', String(door.port), '--timeout', '10s', ...parameters])
const envelope = (from: string, to: string) => ['--from', from, '--to', to]
const signIn = (person: DemoPerson, mechanism: string, password = person.password) => [
  '--auth',
  mechanism,
  '--auth-user',
  person.address,
  '--auth-password',
  password,
]

for (const mechanism of ['PLAIN', 'LOGIN'])
  for (const tls of ['STARTTLS', 'implicit TLS'])
    test(`swaks: ${mechanism} over ${tls}`, { skip: missing('swaks') }, async () => {
      const wanted = subject(`swaks ${mechanism}`)
      const [door, way] = tls === 'STARTTLS' ? [anna.submission, '--tls'] : [anna.submissions, '--tls-on-connect']
      const ran = await swaks(
        door,
        way,
        ...signIn(anna, mechanism),
        ...envelope(anna.address, bob.address),
        '--header',
        `Subject: ${wanted}`,
        '--body',
        'One line.\\n.\\n..two dots\\n',
      )
      assert.equal(ran.code, 0, ran.output)
      assert.match(await arrived(wanted), /\r\n\r\nOne line\.\r\n\.\r\n\.\.two dots\r\n/)
    })

test('swaks: what must not be taken is refused with its code', { skip: missing('swaks') }, async () => {
  const refusals: [string, RegExp, Promise<Ran>][] = [
    [
      'wrong password',
      /<~\* 535 5\.7\.8 /,
      swaks(anna.submission, '--tls', ...signIn(anna, 'PLAIN', 'wrong'), ...envelope(anna.address, bob.address)),
    ],
    [
      'no such account',
      /<~\* 535 5\.7\.8 /,
      swaks(
        anna.submission,
        '--tls',
        ...signIn({ ...anna, address: 'nobody@sender.test' }, 'LOGIN'),
        ...envelope(anna.address, bob.address),
      ),
    ],
    ['no sign-in', /<~\* 530 5\.7\.0 /, swaks(anna.submission, '--tls', ...envelope(anna.address, bob.address))],
    ['no sign-in, no TLS', /<\*\* 530 5\.7\.0 /, swaks(anna.submission, ...envelope(anna.address, bob.address))],
    [
      "somebody else's reverse-path",
      /<~\* 553 5\.7\.1 /,
      swaks(anna.submission, '--tls', ...signIn(anna, 'PLAIN'), ...envelope('boss@sender.test', bob.address)),
    ],
    [
      'relay at the Receiver',
      /<\*\* 550 5\.7\.1 /,
      swaks(demo.receiver('recipient'), ...envelope('stranger@else.test', 'victim@else.test')),
    ],
    [
      'relay at the Receiver over TLS',
      /<~\* 550 5\.7\.1 /,
      swaks(demo.receiver('recipient'), '--tls', ...envelope('stranger@else.test', 'victim@else.test')),
    ],
    [
      'unknown recipient',
      /<\*\* 550 5\.1\.1 /,
      swaks(demo.receiver('recipient'), ...envelope('stranger@else.test', 'nobody@recipient.test')),
    ],
    [
      'the password is not asked for in the clear',
      /did not advertise authentication/,
      swaks(anna.submission, ...signIn(anna, 'PLAIN'), ...envelope(anna.address, bob.address)),
    ],
  ]
  for (const [what, expected, running] of refusals) {
    const ran = await running
    assert.notEqual(ran.code, 0, `${what}\n${ran.output}`)
    assert.match(ran.output, expected, what)
    assert.doesNotMatch(ran.output, /354/, `${what}: refused before DATA`)
  }
})

test('swaks: From of another person of the domain is refused after the message', {
  skip: missing('swaks'),
}, async () => {
  const ran = await swaks(
    anna.submission,
    '--tls',
    ...signIn(anna, 'PLAIN'),
    ...envelope(anna.address, bob.address),
    '--h-From',
    'Boss <boss@sender.test>',
  )
  assert.match(ran.output, /<~\* 550 5\.7\.1 From names boss@sender\.test/)
})

// ---- curl ------------------------------------------------------------------------------------------------------------

const curl = (url: string, person: DemoPerson, ...parameters: string[]): Promise<Ran> =>
  run('curl', [
    '-sS',
    '--insecure',
    '--ssl-reqd',
    '--max-time',
    '20',
    '--user',
    `${person.address}:${person.password}`,
    url,
    ...parameters,
  ])
const urlOf = (scheme: string, { host, port }: Door) => `${scheme}://${host}:${port}`

for (const [scheme, doorOf] of [
  ['smtps', () => anna.submissions],
  ['smtp', () => anna.submission],
] as const)
  test(`curl: send by ${scheme}:// to two recipients`, { skip: missing('curl') }, async () => {
    const wanted = subject(`curl ${scheme}`)
    const file = join(temporaryFolder(), 'message.eml')
    writeFileSync(file, `From: ${anna.address}\r\nTo: ${bob.address}\r\nSubject: ${wanted}\r\n\r\n.dot\r\nHello.\r\n`)
    const to = ['--mail-from', anna.address, '--mail-rcpt', bob.address, '--mail-rcpt', 'dora@recipient.test']
    const ran = await curl(`${urlOf(scheme, doorOf())}/author.test`, anna, ...to, '-T', file)
    assert.equal(ran.code, 0, ran.output)
    assert.match(await arrived(wanted), /\r\n\r\n\.dot\r\nHello\.\r\n$/)
    await until('the copy for Dora', async () =>
      (await byImap(demo.person('dora'))).some((source) => source.includes(wanted)) ? true : undefined,
    )
  })

for (const [scheme, doorOf] of [
  ['imaps', () => bob.imaps],
  ['imap', () => bob.imap],
] as const)
  test(`curl: read, append and search by ${scheme}://`, { skip: missing('curl') }, async () => {
    const url = urlOf(scheme, doorOf())
    const folders = await curl(`${url}/`, bob)
    assert.match(folders.output, /\* LIST \([^)]*\) "\/" "?INBOX"?/)
    const wanted = subject(`curl ${scheme}`)
    const file = join(temporaryFolder(), 'message.eml')
    const text = `From: ${anna.address}\r\nSubject: ${wanted}\r\n\r\nAppended.\r\n`
    writeFileSync(file, text)
    const appended = await curl(`${url}/Drafts`, bob, '-T', file)
    assert.equal(appended.code, 0, appended.output)
    const searched = await curl(`${url}/Drafts?SUBJECT%20${encodeURIComponent(`"${wanted}"`)}`, bob)
    const [number] = /\d+/.exec(searched.output)!
    const read = await curl(`${url}/Drafts;MAILINDEX=${number}`, bob)
    assert.equal(read.output, text)
    const wrong = await run('curl', ['-sS', '-k', '--user', `${bob.address}:wrong`, `${url}/`])
    assert.equal(wrong.code, 67, 'login denied')
  })

for (const [scheme, doorOf] of [
  ['pop3s', () => bob.pop3s],
  ['pop3', () => bob.pop3],
] as const)
  test(`curl: list and retrieve by ${scheme}://`, { skip: missing('curl') }, async () => {
    const url = urlOf(scheme, doorOf())
    const list = await curl(`${url}/`, bob)
    const sources = await byImap(bob)
    assert.deepEqual(
      list.output.trimEnd().split('\r\n'),
      sources.map((source, i) => `${i + 1} ${source.length}`),
    )
    const first = await curl(`${url}/1`, bob)
    assert.equal(first.output, sources[0]!.toString('latin1'))
    const wrong = await run('curl', ['-sS', '-k', '--user', `${bob.address}:wrong`, `${url}/`])
    assert.equal(wrong.code, 67, 'login denied')
  })

// ---- nodemailer ------------------------------------------------------------------------------------------------------

test('nodemailer: attachments, pictures in the text, every kind of letter', async () => {
  const wanted = subject('Grüße 你好 مرحبا 🦔')
  const picture = Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * 7919) % 256))
  for (const [door, secure] of [
    [anna.submissions, true],
    [anna.submission, false],
  ] as const) {
    const transport = createTransport({
      ...door,
      secure,
      requireTLS: true,
      tls: { rejectUnauthorized: false },
      auth: { user: anna.address, pass: anna.password },
    })
    const info = await transport.sendMail({
      from: { name: 'Änna Author', address: anna.address },
      to: { name: 'Bob “the reader”', address: bob.address },
      subject: wanted,
      text: 'Line one.\n.\n\nLine „four“.\n',
      html: '<p>Hello <b>Bob</b> <img src="cid:hedgehog"></p>',
      attachments: [
        { filename: 'Igel 🦔 schläft.png', content: picture, cid: 'hedgehog' },
        { filename: 'note.txt', content: 'plain\n' },
      ],
    })
    assert.deepEqual(info.accepted, [bob.address])
    const encoded = await until(info.messageId, async () => {
      const text = (await byImap(bob)).map((s) => s.toString('latin1')).find((s) => s.includes(info.messageId))
      return text
    })
    assert.ok(encoded.replaceAll('\r\n', '').includes(picture.toString('base64')), 'the picture as it was')
  }
})

// ---- mutt ------------------------------------------------------------------------------------------------------------

test('mutt: send in batch with an attachment', { skip: missing('mutt') }, async () => {
  const wanted = subject('mutt')
  const { folder, parameters, env } = await muttHome(anna)
  const attachment = join(folder, 'attached.bin')
  const bytes = Buffer.from(Array.from({ length: 5000 }, (_, i) => i % 256))
  writeFileSync(attachment, bytes)
  const ran = await run('mutt', [...parameters, '-s', wanted, '-a', attachment, '--', bob.address], {
    input: 'Dear Bob,\n\nFrom mutt: Grüße.\n.\n',
    env,
  })
  assert.equal(ran.code, 0, ran.output)
  const text = await arrived(wanted)
  assert.ok(text.replaceAll('\r\n', '').includes(bytes.toString('base64')))
})
