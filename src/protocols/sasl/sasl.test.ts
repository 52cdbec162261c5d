import assert from 'node:assert/strict'
import { pbkdf2Sync } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ChannelBinding } from '../../world/network.ts'
import type { SaslMechanism } from './accounts.ts'
import { plainMessage, ScramClient } from './client.ts'
import {
  checkPassword,
  fakeCredentials,
  formatCredentials,
  keysOf,
  makeCredentials,
  parseCredentials,
  preparePassword,
} from './credentials.ts'
import { offered } from './offered.ts'
import { SaslServer, type SaslStep } from './server.ts'

const world = {
  cpu: {
    sign: () => Promise.reject(new Error('not used')),
    argon2id: () => Promise.reject(new Error('not here')),
    verify: () => Promise.reject(new Error('not used')),
    compress: () => Promise.reject(new Error('not used')),
    decompress: () => Promise.reject(new Error('not used')),
    pbkdf2: async (password: Uint8Array, salt: Uint8Array, iterations: number) =>
      pbkdf2Sync(password, salt, iterations, 32, 'sha256'),
  },
  random: { bytes: (length: number) => Buffer.alloc(length, 7), float: () => 0.5, integer: () => 0 },
}
const ALL: SaslMechanism[] = [
  'SCRAM-SHA-256-PLUS',
  'SCRAM-SHA-256',
  'EXTERNAL',
  'OAUTHBEARER',
  'XOAUTH2',
  'PLAIN',
  'LOGIN',
]
const text = (step: SaslStep) => (step.kind === 'challenge' ? step.bytes.toString() : `(${step.kind})`)

// RFC 7677 §3
const VECTOR = {
  salt: Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'),
  nonce: 'rOprNGfwEbeRWgbNEkqO',
  serverNonce: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
  proof: 'dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  signature: '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
}

test('SCRAM-SHA-256 keeps the example of RFC 7677', async () => {
  const saltedPassword = pbkdf2Sync('pencil', VECTOR.salt, 4096, 32, 'sha256')
  const { storedKey, serverKey } = keysOf(saltedPassword)
  // The server's part of the nonce is what base64 makes of the random bytes: not so in the example, so it is planted.
  const bytes = () => ({ toString: () => VECTOR.serverNonce }) as unknown as Buffer
  const server = new SaslServer({ bytes }, ALL)
  const first = server.start('SCRAM-SHA-256', Buffer.from(`n,,n=user,r=${VECTOR.nonce}`))
  assert.deepEqual(first, { kind: 'ask-credentials', user: 'user' })
  const credentials = { salt: VECTOR.salt, iterations: 4096, storedKey, serverKey }
  const offer = server.credentialsFound({ state: 'found', user: 'user@example.com', credentials })
  assert.equal(text(offer), `r=${VECTOR.nonce}${VECTOR.serverNonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`)
  const client = new ScramClient('user', 'pencil', VECTOR.nonce)
  const answer = await client.answer(Buffer.from(text(offer)), world)
  assert.equal(answer!.toString(), `c=biws,r=${VECTOR.nonce}${VECTOR.serverNonce},p=${VECTOR.proof}`)
  const final = server.respond(answer!)
  assert.equal(text(final), `v=${VECTOR.signature}`)
  assert.equal(client.verify(Buffer.from(text(final))), true)
  assert.deepEqual(server.respond(Buffer.alloc(0)), { kind: 'done', user: 'user@example.com' })
})

async function scram(user: string, rightPassword: string, typed: string): Promise<SaslStep> {
  const credentials = (await makeCredentials(rightPassword, world, 10))!
  const server = new SaslServer(world.random, ALL)
  const client = new ScramClient(user, typed, 'abc')
  const asked = server.start('SCRAM-SHA-256', client.first())
  assert.deepEqual(asked, { kind: 'ask-credentials', user })
  const offer = server.credentialsFound({ state: 'found', user, credentials })
  const final = server.respond((await client.answer(Buffer.from(text(offer)), world))!)
  if (final.kind !== 'challenge') return final
  assert.equal(client.verify(final.bytes), true)
  return server.respond(Buffer.alloc(0))
}

test('SCRAM: names with comma and equals sign, passwords beyond ASCII, wrong passwords', async () => {
  assert.deepEqual(await scram('a,b=c', 'pässword', 'pa\u0308ssword'), { kind: 'done', user: 'a,b=c' })
  assert.deepEqual(await scram('bob', 'right', 'wrong'), { kind: 'failed', reason: 'refused', user: 'bob' })
})

test('SCRAM: a downgraded channel binding, a changed nonce and garbage are refused', async () => {
  const binding = { type: 'tls-exporter', data: Buffer.from('x') } as const
  const tls = { bindings: [binding] }
  const downgraded = new SaslServer(world.random, ALL, tls).start('SCRAM-SHA-256', Buffer.from('y,,n=u,r=abc'))
  assert.equal(downgraded.kind === 'failed' && downgraded.reason, 'refused')
  const bound = new SaslServer(world.random, ALL, tls).start(
    'SCRAM-SHA-256-PLUS',
    Buffer.from('p=tls-exporter,,n=u,r=abc'),
  )
  assert.equal(bound.kind, 'ask-credentials')
  for (const bad of ['', 'n,,', 'n,,n=,r=a', 'n,,n=a=b,r=a', 'n,,m=x,n=a,r=a', 'p=tls-unique,,n=u,r=a', '\xff']) {
    const step = new SaslServer(world.random, ALL).start('SCRAM-SHA-256', Buffer.from(bad, 'latin1'))
    assert.equal(step.kind, 'failed', bad)
  }
  const server = new SaslServer(world.random, ALL)
  server.start('SCRAM-SHA-256', Buffer.from('n,,n=u,r=abc'))
  server.credentialsFound({ state: 'found', user: 'u', credentials: fakeCredentials('u', Buffer.from('s'), 10) })
  const other = server.respond(Buffer.from(`c=biws,r=other,p=${'A'.repeat(43)}=`))
  assert.deepEqual(other, { kind: 'failed', reason: 'refused', user: 'u' })
})

/** A whole exchange of -PLUS; `seen`: what the client's end of the TLS session has. */
async function bound(offered: ChannelBinding[], seen: ChannelBinding): Promise<SaslStep> {
  const credentials = (await makeCredentials('right', world, 10))!
  const server = new SaslServer(world.random, ALL, { bindings: offered })
  const client = new ScramClient('bob', 'right', 'abc', seen)
  const asked = server.start('SCRAM-SHA-256-PLUS', client.first())
  if (asked.kind !== 'ask-credentials') return asked
  const offer = server.credentialsFound({ state: 'found', user: 'bob', credentials })
  const final = server.respond((await client.answer(Buffer.from(text(offer)), world))!)
  if (final.kind !== 'challenge') return final
  assert.equal(client.verify(final.bytes), true)
  return server.respond(Buffer.alloc(0))
}

test('SCRAM-SHA-256-PLUS: bound to this TLS session, and refused where somebody sits between', async () => {
  const exporter = { type: 'tls-exporter', data: Buffer.from('this session') } as const
  const endPoint = { type: 'tls-server-end-point', data: Buffer.from('our certificate') } as const
  const offered = [exporter, endPoint]
  const done = { kind: 'done', user: 'bob' }
  const refused = { kind: 'failed', reason: 'refused', user: 'bob' }
  assert.deepEqual(await bound(offered, exporter), done)
  assert.deepEqual(await bound(offered, endPoint), done)
  assert.deepEqual(await bound(offered, { ...exporter, data: Buffer.from('another session') }), refused)
  assert.deepEqual(await bound(offered, { ...endPoint, data: Buffer.from('his certificate') }), refused)
  assert.deepEqual(await bound(offered, { ...endPoint, data: exporter.data }), refused)
  // A kind that we do not have here.
  assert.deepEqual(await bound([endPoint], exporter), refused)
})

test('SCRAM: -PLUS must be bound; the plain one is not, and y is right only where there was nothing to bind to', () => {
  const tls = { bindings: [{ type: 'tls-exporter', data: Buffer.from('x') } as const] }
  const first = (mechanism: SaslMechanism, header: string, over: typeof tls | undefined) =>
    new SaslServer(world.random, ALL, over).start(mechanism, Buffer.from(`${header},,n=u,r=abc`)).kind
  assert.equal(first('SCRAM-SHA-256', 'n', tls), 'ask-credentials')
  assert.equal(first('SCRAM-SHA-256', 'y', undefined), 'ask-credentials')
  assert.equal(first('SCRAM-SHA-256', 'y', tls), 'failed')
  assert.equal(first('SCRAM-SHA-256', 'p=tls-exporter', tls), 'failed')
  for (const header of ['n', 'y', 'p=tls-unique']) assert.equal(first('SCRAM-SHA-256-PLUS', header, tls), 'failed')
})

test('what is offered depends on the TLS session', () => {
  const bindings = [{ type: 'tls-exporter', data: Buffer.from('x') } as const]
  const always: SaslMechanism[] = ['SCRAM-SHA-256', 'OAUTHBEARER', 'XOAUTH2', 'PLAIN', 'LOGIN']
  assert.deepEqual(offered(ALL, undefined), always)
  assert.deepEqual(offered(ALL, { bindings }), ['SCRAM-SHA-256-PLUS', ...always])
  assert.deepEqual(offered(ALL, { bindings, clientCertificate: Buffer.from('c') }), ALL)
  const server = new SaslServer(world.random, ALL, { bindings })
  assert.equal(server.named('scram-sha-256-plus'), 'SCRAM-SHA-256-PLUS')
  assert.equal(server.named('EXTERNAL'), undefined)
})

test('EXTERNAL asks whose the certificate is, and says whom the client wants to be', () => {
  const certificate = Buffer.from('certificate')
  const begin = () => new SaslServer(world.random, ALL, { clientCertificate: certificate })
  const alone = begin()
  assert.equal(text(alone.start('EXTERNAL')), '')
  assert.deepEqual(alone.respond(Buffer.alloc(0)), { kind: 'ask-certificate', certificate, user: undefined })
  assert.deepEqual(alone.passwordChecked({ state: 'ok', user: 'bob@here' }), { kind: 'done', user: 'bob@here' })
  const named = begin()
  assert.deepEqual(named.start('EXTERNAL', Buffer.from('bob')), { kind: 'ask-certificate', certificate, user: 'bob' })
  assert.equal(named.passwordChecked({ state: 'refused' }).kind, 'failed')
  assert.equal(begin().start('EXTERNAL', Buffer.from('a\0b')).kind, 'failed')
  assert.equal(new SaslServer(world.random, ALL).start('EXTERNAL', Buffer.from('bob')).kind, 'failed')
})

test('PLAIN and LOGIN ask for the password', () => {
  const ask = { kind: 'ask-password', user: 'bob', password: 'secret' }
  const plain = new SaslServer(world.random, ALL)
  assert.deepEqual(plain.start('PLAIN', plainMessage('bob', 'secret')), ask)
  assert.deepEqual(plain.passwordChecked({ state: 'ok', user: 'bob@example.com' }), {
    kind: 'done',
    user: 'bob@example.com',
  })
  assert.equal(text(new SaslServer(world.random, ALL).start('PLAIN')), '')
  const login = new SaslServer(world.random, ALL)
  assert.equal(text(login.start('LOGIN')), 'Username:')
  assert.equal(text(login.respond(Buffer.from('bob'))), 'Password:')
  assert.deepEqual(login.respond(Buffer.from('secret')), ask)
  assert.deepEqual(login.passwordChecked({ state: 'refused' }), { kind: 'failed', reason: 'refused', user: 'bob' })
})

test('PLAIN lets nobody act for somebody else', () => {
  const step = new SaslServer(world.random, ALL).start('PLAIN', Buffer.from('admin\0bob\0secret'))
  assert.deepEqual(step, { kind: 'failed', reason: 'refused', user: 'bob' })
})

test('no response of a stranger throws', () => {
  fc.assert(
    fc.property(fc.constantFrom(...ALL), fc.array(fc.uint8Array({ maxLength: 60 })), (mechanism, responses) => {
      const binding = { type: 'tls-exporter', data: Buffer.from('x') } as const
      const tls = { bindings: [binding], clientCertificate: Buffer.from('certificate') }
      const server = new SaslServer(world.random, ALL, tls)
      let step = server.start(mechanism)
      for (const response of responses) {
        if (step.kind === 'challenge') step = server.respond(response)
        else if (step.kind === 'ask-password' || step.kind === 'ask-certificate')
          step = server.passwordChecked({ state: 'refused' })
        else if (step.kind === 'ask-token')
          step = server.tokenChecked({ state: 'refused', fault: { status: 'invalid_token', scope: 'imap' } })
        else break
      }
      assert.notEqual(step.kind, 'done')
    }),
  )
})

test('credentials: made, written, read back, checked', async () => {
  const made = (await makeCredentials('correct horse', world, 100))!
  const read = parseCredentials(formatCredentials(made))!
  assert.deepEqual(read, made)
  assert.equal(await checkPassword(read, 'correct horse', world), true)
  assert.equal(await checkPassword(read, 'correct horse ', world), false)
  assert.equal(await checkPassword(read, '', world), false)
  for (const bad of ['', 'SCRAM-SHA-1$1:AA==$AA==:AA==', formatCredentials(made).replace(':', ';')])
    assert.equal(parseCredentials(bad), undefined)
  assert.equal(await makeCredentials('bell\x07', world, 100), undefined)
})

test('an unknown user has credentials that look real, stay the same and fit no password', async () => {
  const secret = Buffer.from('server secret')
  const fake = fakeCredentials('nobody', secret, 10)
  assert.deepEqual(fakeCredentials('nobody', secret, 10), fake)
  assert.notDeepEqual(fakeCredentials('else', secret, 10).salt, fake.salt)
  assert.equal(fake.salt.length, 16)
  assert.equal(await checkPassword(fake, 'anything', world), false)
})

// RFC 4013 §3
test('password preparation', () => {
  const cases: [string, string | undefined][] = [
    ['I\u00adX', 'IX'],
    ['user', 'user'],
    ['\u00aa', 'a'],
    ['\u2168', 'IX'],
    ['\u0007', undefined],
    ['a\u00a0b', 'a b'],
    ['\ud800', undefined],
  ]
  for (const [given, expected] of cases) assert.equal(preparePassword(given)?.toString(), expected)
})
