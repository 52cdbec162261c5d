// Two nodes of one agent that share its store: mail that comes in at one is read at the other, who is idle there hears of
// it, and one of them carries mail out, until it ends.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { copyFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ImapFlow } from 'imapflow'
import { createTransport } from 'nodemailer'
import { parse } from '../notation/parse.ts'
import { RealS3 } from '../world/real/s3.ts'
import { realWorld } from '../world/real/world.ts'
import { testPostgres } from '../world/testing/postgres.ts'
import { testS3 } from '../world/testing/s3.ts'
import type { Ports } from './agent.ts'
import { planSystem } from './description.ts'
import { startSystem } from './start.ts'

const PORTS: Ports = {
  smtp: 47025,
  submission: 47587,
  submissions: 47465,
  imap: 47143,
  imaps: 47993,
  pop3: 47110,
  pop3s: 47995,
  managesieve: 47190,
  lmtp: 47024,
}

const noDns = { resolve: async () => ({ status: 'no-answer' as const, reason: 'no DNS here' }) }

const text = (url: string, more = '') => `
Author@bob ==> MSA/Transmitter/Receiver/MDA@here ==> Recipient@bob
Author@bob ==> MSA/Transmitter/Receiver/MDA@here --> / --> Receiver/MDA@there ==> Recipient@carl

here: domain=here.test, ip=127.0.0.1, filter=no, store="${url}"${more}
there: domain=there.test, ip=127.0.0.2
bob: address=bob@here.test, password=demo
carl: address=carl@there.test, password=demo
`

test('two nodes, one store', async (t) => {
  const postgres = await testPostgres()
  if (postgres === undefined) return t.skip('needs PostgreSQL (Debian: postgresql)')
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-nodes-'))
  const { plan, findings } = planSystem(parse(text(postgres.url)).model)
  assert.deepEqual(
    findings.filter(({ severity }) => severity === 'error').map(({ message }) => message),
    [],
  )
  const here = { ...plan, agents: plan.agents.filter(({ id }) => id === 'here') }
  const start = (node: string) =>
    startSystem(here, {
      worldOf: ({ id }) => realWorld({ folder: join(folder, node, id), dns: () => noDns }),
      ports: PORTS,
      search: true,
      iterations: 1000,
      log: () => {},
    })
  const until = async (is: () => boolean) => {
    while (!is()) await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const one = await start('one')
  await assert.rejects(start('two'), /node\.key is missing .* copy it from the folder of another node/)
  const keyOf = (node: string) => join(folder, node, 'here', 'node.key')
  writeFileSync(keyOf('two'), randomBytes(32).toString('base64'))
  await assert.rejects(start('two'), /node\.key does not open the secrets of here\.test/)
  copyFileSync(keyOf('one'), keyOf('two'))
  const two = await start('two')
  const [first, second] = [one.agents[0]!, two.agents[0]!]
  assert.deepEqual(
    second.agent.secrets.dkim.map(({ record }) => record),
    first.agent.secrets.dkim.map(({ record }) => record),
  )
  assert.deepEqual(
    [second.agent.secrets.server, second.agent.secrets.srs],
    [first.agent.secrets.server, first.agent.secrets.srs],
  )
  for (const file of ['one/here/node.key', 'one/here/secrets.json', 'two/here/secrets.json']) {
    assert.equal(statSync(join(folder, file)).mode & 0o077, 0, file)
  }
  const db = realWorld({ folder: join(folder, 'look'), dns: () => noDns }).postgres(postgres.url)
  const [row] = await db.query('SELECT sealed FROM borderpost_secrets')
  await db.close()
  assert.doesNotMatch((row!.sealed as Buffer).toString('latin1'), /PRIVATE KEY|dkim/)
  const client = new ImapFlow({
    host: '127.0.0.1',
    port: second.endpoint('imap')!.port,
    secure: false,
    tls: { rejectUnauthorized: false },
    auth: { user: 'bob@here.test', pass: 'demo' },
    logger: false,
  })
  try {
    await client.connect()
    const lock = await client.getMailboxLock('INBOX')
    const heard = new Promise((resolve) => client.once('exists', resolve))
    void client.idle()
    const submission = createTransport({
      host: '127.0.0.1',
      port: first.endpoint('submission')!.port,
      tls: { rejectUnauthorized: false },
      auth: { user: 'bob@here.test', pass: 'demo' },
    })
    const send = (to: string, subject: string) =>
      submission.sendMail({ from: 'bob@here.test', to, subject, text: 'Hello.' })
    await send('bob@here.test', 'to myself')
    await heard
    const message = await client.fetchOne('*', { envelope: true, source: true })
    assert.ok(message !== false)
    assert.equal(message.envelope?.subject, 'to myself')
    assert.match(String(message.source), /Hello\./)
    lock.release()
    await client.logout()

    // No DNS answers, so each attempt is put off: but it is made, by one of them.
    const attempts = () => second.agent.store.queue.entries({ domain: 'there.test' }).map((entry) => entry.attempts)
    await send('carl@there.test', 'away')
    await until(() => attempts()[0] === 1)
    submission.close()
    await one.stop()
    const again = createTransport({
      host: '127.0.0.1',
      port: second.endpoint('submission')!.port,
      tls: { rejectUnauthorized: false },
      auth: { user: 'bob@here.test', pass: 'demo' },
    })
    await again.sendMail({ from: 'bob@here.test', to: 'carl@there.test', subject: 'away again', text: 'Hello.' })
    again.close()
    await until(() => attempts().length === 2 && attempts().every((count) => count === 1))
  } finally {
    await two.stop()
    await one.stop().catch(() => {})
    await postgres.end()
    rmSync(folder, { recursive: true })
  }
})

test('S3 that is away: 451, and the same mail is taken once it is back', async (t) => {
  const postgres = await testPostgres()
  if (postgres === undefined) return t.skip('needs PostgreSQL (Debian: postgresql)')
  const keys = { accessKey: 'ours', secretKey: 'known to both', region: 'here-1' }
  const s3 = await testS3(keys)
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-s3-'))
  const { plan } = planSystem(parse(text(postgres.url, `, bodies="${s3.url}"`)).model)
  const system = await startSystem(
    { ...plan, agents: plan.agents.filter(({ id }) => id === 'here') },
    {
      worldOf: ({ id }) => ({
        ...realWorld({ folder: join(folder, id), dns: () => noDns }),
        s3: (url) => new RealS3(url, keys, 2000),
      }),
      ports: PORTS,
      search: false,
      iterations: 1000,
      log: () => {},
    },
  )
  const running = system.agents[0]!
  const { agent } = running
  const submission = createTransport({
    host: '127.0.0.1',
    port: running.endpoint('submission')!.port,
    tls: { rejectUnauthorized: false },
    auth: { user: 'bob@here.test', pass: 'demo' },
  })
  const mail = { from: 'bob@here.test', to: ['bob@here.test', 'carl@there.test'], subject: 'kept', text: 'Hello.' }
  try {
    s3.trouble = 503
    await assert.rejects(submission.sendMail(mail), { responseCode: 451 })
    assert.deepEqual([agent.store.queue.length(), s3.objects.size], [0, 0])
    s3.trouble = undefined
    await submission.sendMail(mail)
    const bob = agent.store.accountByAddress('bob@here.test')!.id
    const [email, ...others] = agent.store.emails(bob, agent.store.listEmails(bob, {}, 'newest'))
    assert.equal(others.length, 0)
    assert.match(String(await agent.store.readBlob(email!.blob)), /Hello\./)
    assert.equal(agent.store.queue.length(), 1)
  } finally {
    submission.close()
    await system.stop()
    await Promise.all([s3.end(), postgres.end()])
    rmSync(folder, { recursive: true })
  }
})
