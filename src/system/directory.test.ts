// An agent whose people are in Debian's slapd, over real sockets: what each protocol says of a right password, a wrong one,
// and a directory that is gone.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { parse } from '../notation/parse.ts'
import { createWeb } from '../web/server.ts'
import { httpServer } from '../world/real/http.ts'
import { realWorld } from '../world/real/world.ts'
import { READER, READER_PASSWORD, SUFFIX, testSlapd } from '../world/testing/slapd.ts'
import { RunningAgent } from './agent.ts'
import { planSystem } from './description.ts'
import { backendsOf } from './web.ts'

const PEOPLE = `
dn: uid=bob,ou=people,${SUFFIX}
objectClass: inetOrgPerson
uid: bob
cn: Bob Recipient
sn: Recipient
mail: bob@recipient.test
userPassword: secret
`

/** Says these lines, each when something was answered; all that was heard. */
async function dialogue(socket: Socket, lines: readonly string[], isGreeted = true): Promise<string> {
  let heard = ''
  let news = () => {}
  socket.on('data', (bytes: Buffer) => {
    heard += bytes
    news()
  })
  const next = () => new Promise<void>((resolve) => (news = resolve))
  if (isGreeted && heard === '') await next()
  for (const line of lines) {
    const answered = next()
    socket.write(`${line}\r\n`)
    await answered
  }
  socket.destroy()
  return heard
}

const slapd = await testSlapd(PEOPLE)

test('people of slapd sign in by IMAP, POP3, SMTP, ManageSieve and at the web; while it is gone each says "later", not "wrong"', {
  skip: slapd === undefined ? 'no slapd here' : false,
}, async (t) => {
  const server = slapd!
  t.after(() => server.end())
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-directory-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  mkdirSync(join(folder, 'agent'))
  writeFileSync(join(folder, 'agent', 'ldap.password'), `${READER_PASSWORD}\n`)
  writeFileSync(join(folder, 'agent', 'ldap.pem'), server.certificate)
  const { plan, findings } = planSystem(
    parse(`
Author@bob ==> MSA/Transmitter@recipient --> / --> Receiver/MDA@recipient ==> Recipient@bob

recipient: domain=recipient.test, ip=127.0.20.1, filter=no
recipient: ldap="ldap://localhost:${server.port}", ldap-base="ou=people,${SUFFIX}", ldap-filter="(uid={name})"
recipient: ldap-bind="${READER}", ldap-secret=ldap.password, ldap-ca=ldap.pem
bob: address=bob@recipient.test
`).model,
  )
  assert.deepEqual(findings, [])
  const world = realWorld({
    folder: join(folder, 'agent'),
    dns: () => ({ resolve: () => Promise.reject(new Error('no DNS here')) }),
  })
  const log: string[] = []
  const running = await RunningAgent.start(plan.agents[0]!, world, {
    iterations: 10,
    transmitterPort: 25,
    log: (_agent, _level, text, facts) => log.push(`${text} ${JSON.stringify(facts)}`),
  })
  t.after(() => running.stop(0))
  const at = { address: '127.0.0.1', port: 0 }
  const imap = await running.open('imap', at)
  const pop3 = await running.open('pop3', at)
  const submissions = await running.open('submissions', at)
  const sieve = await running.open('managesieve', at)
  const web = createWeb({ world, serverFactory: httpServer, backends: backendsOf([running]) })
  t.after(() => web.close())
  const dial = ({ port }: { port: number }) => connect({ host: '127.0.0.1', port })
  const plain = (password: string) => Buffer.from(`\0bob@recipient.test\0${password}`).toString('base64')

  const tries: Record<string, (password: string) => Promise<string>> = {
    imap: (password) => dialogue(dial(imap), [`a LOGIN bob@recipient.test ${password}`]),
    'imap, SASL': (password) => dialogue(dial(imap), [`a AUTHENTICATE PLAIN ${plain(password)}`]),
    pop3: (password) => dialogue(dial(pop3), ['USER bob@recipient.test', `PASS ${password}`]),
    smtp: (password) => {
      const socket = connectTls({ host: '127.0.0.1', port: submissions.port, rejectUnauthorized: false })
      return dialogue(socket, ['EHLO client.test', `AUTH PLAIN ${plain(password)}`])
    },
    managesieve: (password) => dialogue(dial(sieve), [`AUTHENTICATE "PLAIN" "${plain(password)}"`]),
    web: async (password) => {
      const payload = { address: 'bob@recipient.test', password }
      const { statusCode, headers } = await web.inject({ method: 'POST', url: '/api/sign-in', payload })
      return `${statusCode} ${headers['retry-after'] ?? ''}`
    },
    jmap: async (password) => {
      const authorization = `Basic ${Buffer.from(`bob@recipient.test:${password}`).toString('base64')}`
      const { statusCode } = await web.inject({ url: '/api/me', headers: { authorization } })
      return `${statusCode}`
    },
  }
  const right: Record<string, RegExp> = {
    imap: /^a OK/m,
    'imap, SASL': /^a OK/m,
    pop3: /^\+OK.*\r\n\+OK.*\r\n\+OK/,
    smtp: /^235 /m,
    managesieve: /\nOK[^\n]*\r\n$/,
    web: /^200/,
    jmap: /^200/,
  }
  const wrong: Record<string, RegExp> = {
    imap: /^a NO \[AUTHENTICATIONFAILED\]/m,
    'imap, SASL': /^a NO \[AUTHENTICATIONFAILED\]/m,
    pop3: /-ERR \[AUTH\]/,
    smtp: /^535 /m,
    managesieve: /\nNO (?!\(TRYLATER\))/,
    web: /^401/,
    jmap: /^401/,
  }
  const later: Record<string, RegExp> = {
    imap: /^a NO \[UNAVAILABLE\]/m,
    'imap, SASL': /^a NO \[UNAVAILABLE\]/m,
    pop3: /-ERR \[SYS\/TEMP\]/,
    smtp: /^454 4\.7\.0/m,
    managesieve: /NO \(TRYLATER\)/,
    web: /^503 60/,
    jmap: /^503/,
  }
  const greeting = await dialogue(dial(imap), ['a CAPABILITY'])
  assert.match(greeting, /AUTH=PLAIN/)
  assert.doesNotMatch(greeting, /SCRAM/)
  for (const [what, say] of Object.entries(tries)) {
    assert.match(await say('wrong'), wrong[what]!, what)
    assert.match(await say('secret'), right[what]!, what)
  }
  await server.kill()
  for (const [what, say] of Object.entries(tries)) assert.match(await say('other'), later[what]!, what)
  // What was right a moment ago is right still.
  for (const [what, say] of Object.entries(tries)) assert.match(await say('secret'), right[what]!, what)
  assert.ok(log.some((text) => /the directory does not answer/.test(text)))
  assert.ok(!log.some((text) => text.includes(READER_PASSWORD) || text.includes('secret"')))
  await server.start()
  for (const [what, say] of Object.entries(tries)) assert.match(await say('wrong'), wrong[what]!, what)
})
