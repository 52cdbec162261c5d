// A company hands its mail over at the submission door of a Transmitter, over sockets: by password, by SCRAM, by a client
// certificate; its mail arrives signed as its own. The administrator speaks to the running agent by the command's words.

import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createTransport } from 'nodemailer'
import { type Lab, startLab } from '../../src/cli/lab.ts'
import { account } from '../../src/cli/verbs/account.ts'
import { parse } from '../../src/notation/parse.ts'
import { SmtpConnection } from '../../src/protocols/smtp/client.ts'
import { forwardPathOf, reversePathOf } from '../../src/roles/routing.ts'
import { planSystem } from '../../src/system/description.ts'
import type { TlsIdentity } from '../../src/world/network.ts'
import { realWorld } from '../../src/world/real/world.ts'

const ACME = 'news@acme.test'
const BOB = 'bob@recipient.test'
const folder = mkdtempSync(join(tmpdir(), 'borderpost-contract-'))
const noDns = { resolve: async () => ({ status: 'no-answer' as const, reason: 'nothing is asked here' }) }
const world = realWorld({ folder: join(folder, 'office'), dns: () => noDns })
let lab: Lab
let client: TlsIdentity
let stranger: TlsIdentity
const said: string[] = []

const administer = (wish: Parameters<typeof account>[1]) => {
  said.length = 0
  return account(folder, wish, (text) => said.push(text))
}

before(async () => {
  client = await world.keymaker.tlsIdentity(['office.acme.test'])
  stranger = await world.keymaker.tlsIdentity(['stranger.test'])
  const key = new X509Certificate(client.certificatePem).publicKey.export({ type: 'spki', format: 'der' })
  const fingerprint = createHash('sha256').update(key).digest('hex')
  const { plan, findings } = planSystem(
    parse(`
Author@anna ==> MSA/Transmitter@carrier --> / --> Receiver/MDA@recipient ==> Recipient@bob

carrier:   domain=carrier.test, ip=127.0.73.1, filter=no
recipient: domain=recipient.test, ip=127.0.73.2, filter=no
anna: address=anna@carrier.test, password=demo
bob:  address=${BOB}, password=demo
contract acme: by=carrier, domain=acme.test, password=yes, certificate=${fingerprint}
`).model,
  )
  assert.deepEqual(findings, [])
  lab = await startLab({ plan, folder, log: () => {}, pages: false })
})

after(async () => {
  await lab?.stop()
  rmSync(folder, { recursive: true })
})

const door = () => lab.system.agents.find(({ plan }) => plan.id === 'carrier')!.endpoint('submission')!

/** Sends one message by nodemailer; the reply, or what went wrong. */
async function send(how: { user?: string; pass?: string; identity?: TlsIdentity; method?: string }): Promise<string> {
  const { user, pass, identity, method } = how
  const transport = createTransport({
    host: door().address,
    port: door().port,
    requireTLS: true,
    tls: { rejectUnauthorized: false, ...(identity && { key: identity.privateKeyPem, cert: identity.certificatePem }) },
    ...(user !== undefined && { auth: { user, pass: pass! }, authMethod: method ?? 'PLAIN' }),
  })
  try {
    const { response } = await transport.sendMail({ from: ACME, to: BOB, subject: 'news', text: 'Hello' })
    return response
  } catch (error) {
    return (error as { response?: string }).response ?? String(error)
  } finally {
    transport.close()
  }
}

async function received(): Promise<string[]> {
  const { store } = lab.system.agents.find(({ plan }) => plan.id === 'recipient')!.agent
  const { id } = store.accountByAddress(BOB)!
  const emails = store.emails(
    id,
    store.placements(id, store.mailboxByUse(id, 'inbox')!.id).map(({ email }) => email),
  )
  return Promise.all(emails.map(async ({ blob }) => (await store.readBlob(blob))!.toString('latin1')))
}

test('before it has a password nobody signs in; then by PLAIN and LOGIN, and its mail is signed as its own', async () => {
  assert.match(await send({ user: 'acme', pass: '' }), /^535|Missing credentials/)
  assert.match(await send({ user: 'acme', pass: 'secret of acme' }), /^535 /)
  assert.equal(await administer({ verb: 'contract', what: 'password', name: 'acme', password: 'secret of acme' }), 0)
  assert.match(said.join(''), /the contract acme has a new password|The contract acme has a new password/)
  assert.match(await send({ user: 'acme', pass: 'another secret' }), /^535 /)
  assert.match(await send({ user: 'acme', pass: 'secret of acme' }), /^250 /)
  assert.match(await send({ user: 'acme', pass: 'secret of acme', method: 'LOGIN' }), /^250 /)
  while ((await received()).length < 2) await new Promise((resolve) => setTimeout(resolve, 50))
  for (const text of await received()) {
    assert.match(text, /DKIM-Signature: [^:]*d=acme\.test;\s+s=rsa1-carrier;/)
    assert.match(text, /Authentication-Results: [\s\S]*?dkim=pass[^;]*header\.d=acme\.test/)
  }
})

test('by SCRAM, as by PLAIN', async () => {
  const connection = await SmtpConnection.open({
    network: world.network,
    clock: world.clock,
    endpoint: door(),
    serverName: 'mail.carrier.test',
    heloName: 'office.acme.test',
    tls: 'required',
    login: { user: 'acme', password: 'secret of acme', cpu: world.cpu, random: world.random },
  })
  assert.ok(connection instanceof SmtpConnection, JSON.stringify(connection))
  const { recipients } = await connection.send({
    envelope: {
      reversePath: reversePathOf(ACME),
      recipients: [{ forwardPath: forwardPathOf(BOB) }],
      body: '7BIT',
      smtputf8: false,
    },
    message: Buffer.from(`From: ${ACME}\r\nTo: ${BOB}\r\nSubject: by SCRAM\r\n\r\nHello\r\n`),
  })
  await connection.quit()
  assert.equal(recipients[0]!.reply.code, 250)
})

test('by its certificate, without a sign-in; another’s proves nothing', async () => {
  assert.match(await send({ identity: client }), /^250 /)
  assert.match(await send({ identity: stranger }), /^530 /)
  assert.match(await send({}), /^530 /)
})

test('the administrator lists, counts and suspends', async () => {
  assert.equal(await administer({ verb: 'contract', what: 'list' }), 0)
  assert.match(
    said.join(''),
    /^acme {2}acme\.test {2}carried \(password, certificate\) {2}today 4 messages, 0 refused(?:; in the queue [^;]+)?$/m,
  )
  assert.equal(await administer({ verb: 'contract', what: 'suspend', name: 'acme' }), 0)
  assert.match(await send({ identity: client }), /^550 5\.7\.1 .*suspended/)
  assert.equal(await administer({ verb: 'contract', what: 'resume', name: 'acme' }), 0)
  assert.match(await send({ identity: client }), /^250 /)
  assert.equal(await administer({ verb: 'contract', what: 'report', name: 'acme' }), 0)
  assert.match(said.join(''), /5 messages to 5 recipients, 1 refused/)
  assert.equal(await administer({ verb: 'contract', what: 'report', name: 'nobody' }), 1)
})

test('DKIM keys: looked at while it runs, prepared and revoked while it is stopped', async () => {
  assert.equal(await administer({ verb: 'dkim', what: 'list' }), 0)
  assert.match(said.join(''), /^acme\.test {2}rsa1-carrier {2}rsa-sha256 {2}active since \S+, signs; DNS showed it/m)
  await lab.stop()
  assert.equal(await administer({ verb: 'dkim', what: 'prepare', domain: 'carrier.test' }), 0)
  assert.match(said.join(''), /^Publish rsa2\._domainkey\.carrier\.test\. TXT "v=DKIM1; k=rsa; p=/m)
  assert.equal(await administer({ verb: 'dkim', what: 'rotate', domain: 'carrier.test' }), 1)
  assert.equal(await administer({ verb: 'dkim', what: 'revoke', domain: 'carrier.test', selector: 'rsa1' }), 0)
  assert.match(
    said.join(''),
    /rsa1\._domainkey\.carrier\.test signs nothing more\. Publish in its place: TXT "v=DKIM1; k=rsa; p="/,
  )
  const { secretsOf } = await import('../../src/system/secrets.ts')
  const carrier = lab.system.agents.find(({ plan }) => plan.id === 'carrier')!.plan
  const kept = await secretsOf(realWorld({ folder: join(folder, 'carrier'), dns: () => noDns }), carrier)
  assert.deepEqual(
    kept.keys.filter(({ domain }) => domain === 'carrier.test').map(({ selector, state }) => `${selector} ${state}`),
    ['rsa1 revoked', 'rsa2 prepared', 'ed1 active', 'ed2 prepared'],
  )
})
