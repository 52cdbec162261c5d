// Passkeys in a real browser: Chromium's own WebAuthn, with the virtual authenticator that its debugging protocol offers.

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type TOTP, URI } from 'otpauth'
import { chromium, type Page } from 'playwright-core'
import { build } from 'vite'
import { parse } from '../notation/parse.ts'
import { RunningAgent } from '../system/agent.ts'
import { planSystem } from '../system/description.ts'
import { TWO_AGENTS } from '../system/testing.ts'
import { backendsOf } from '../system/web.ts'
import { httpServer } from '../world/real/http.ts'
import { realWorld } from '../world/real/world.ts'
import { createWeb } from './server.ts'

const CHROMIUM = '/usr/bin/chromium'
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-background-networking']
const WEB = new URL('../../web', import.meta.url).pathname
const skip = existsSync(CHROMIUM) ? false : `no browser at ${CHROMIUM}`
const BOB = 'bob@recipient.test'

test('in a browser: made in the settings, signs in alone and in place of a code, renamed, revoked', {
  skip,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-passkeys-browser-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const pagesFolder = join(folder, 'pages')
  await build({ root: WEB, logLevel: 'silent', build: { outDir: pagesFolder, emptyOutDir: true } })
  const { plan } = planSystem(parse(TWO_AGENTS).model)
  const dns = () => ({ resolve: () => Promise.reject(new Error('no DNS here')) })
  const world = realWorld({ folder: join(folder, 'data'), dns })
  const agentPlan = plan.agents.find(({ id }) => id === 'recipient')!
  const running = await RunningAgent.start(agentPlan, world, { iterations: 10, transmitterPort: 25, log: () => {} })
  t.after(() => running.stop(0))
  let base: string | undefined
  const web = createWeb({ world, backends: backendsOf([running], () => base), serverFactory: httpServer, pagesFolder })
  base = (await web.listen({ host: '127.0.0.1', port: 0 })).replace('127.0.0.1', 'localhost')
  t.after(() => web.close())
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
  t.after(() => browser.close())
  const context = await browser.newContext({ locale: 'en-GB' })
  const page = await context.newPage()
  page.setDefaultTimeout(60_000)
  const errors: Error[] = []
  page.on('pageerror', (error) => errors.push(error))

  const devtools = await context.newCDPSession(page)
  await devtools.send('WebAuthn.enable')
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })

  const signIn = async () => {
    await page.fill('#address', BOB)
    await page.fill('#password', 'demo')
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  }
  const section = page.locator('#passkeys')
  const openSettings = async (to: Page = page) => {
    await to.getByLabel('Settings').click()
    await section.waitFor()
  }
  const signOut = async () => {
    await page.reload()
    await page.getByLabel('Sign out').click()
    await page.waitForSelector('#password')
  }

  await page.goto(`${base}/mail`)
  await page.getByRole('button', { name: 'Sign in with a passkey' }).waitFor()
  await signIn()
  await openSettings()
  await section.getByText('None yet.').waitFor()
  await section.getByLabel('A name for it').fill('Laptop')
  await section.getByLabel('Your own password').fill('demo')
  await section.getByRole('button', { name: 'Make a passkey' }).click()
  await section.getByText('never used').waitFor()
  const { credentials } = await devtools.send('WebAuthn.getCredentials', { authenticatorId })
  assert.deepEqual(
    credentials.map(({ rpId, isResidentCredential }) => [rpId, isResidentCredential]),
    [['localhost', true]],
  )

  // A device has one for an account, and says so.
  await section.getByLabel('A name for it').fill('Again')
  await section.getByLabel('Your own password').fill('demo')
  await section.getByRole('button', { name: 'Make a passkey' }).click()
  await section.getByText('This device has a passkey for this account already.').waitFor()

  await signOut()
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
  await page.getByRole('heading', { name: 'Inbox' }).waitFor()
  await openSettings()
  await section.getByText(/last used .* from 127\.0\.0\.1/).waitFor()
  await section.getByRole('button', { name: 'Rename Laptop' }).click()
  await section.getByLabel('A new name').fill('Blue laptop')
  await section.getByRole('button', { name: 'Save' }).click()
  await section.getByText('Blue laptop').waitFor()

  // Nobody to be seen: nothing is signed.
  await signOut()
  await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false })
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
  await page.getByText('No passkey was chosen.').waitFor()
  await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true })

  // With a second factor on, it stands for the code.
  const account = running.agent.store.accountByAddress(BOB)!
  const { secondFactor } = running.accounts
  const enrolled = await secondFactor.enrol(account)
  assert.ok('uri' in enrolled)
  await secondFactor.confirm(account, (URI.parse(enrolled.uri) as TOTP).generate())
  await signIn()
  await page.getByRole('button', { name: 'Use a passkey instead' }).click()
  await page.getByRole('heading', { name: 'Inbox' }).waitFor()

  await openSettings()
  await section.getByRole('button', { name: 'Revoke the passkey Blue laptop' }).click()
  await section.getByText('None yet.').waitFor()
  await signOut()
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
  await page.getByText('This passkey is not known here.').waitFor()
  assert.deepEqual(errors, [])
})
