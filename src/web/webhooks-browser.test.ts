// Webhooks in the settings, in a real browser: made with a secret that is shown once, tested against a server, turned off and
// on, given a new secret, removed.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { chromium } from 'playwright-core'
import { build } from 'vite'
import { backendsOf } from '../system/web.ts'
import { httpServer } from '../world/real/http.ts'
import { createWeb } from './server.ts'
import { ANNA, atSender } from './testing-sending.ts'

const CHROMIUM = '/usr/bin/chromium'
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-background-networking']
const WEB = new URL('../../web', import.meta.url).pathname
const skip = existsSync(CHROMIUM) ? false : `no browser at ${CHROMIUM}`

test('in a browser: made, tested, turned off, given a new secret, removed', { skip }, async (t) => {
  const it = await atSender(t)
  const pagesFolder = join(it.folder, 'pages')
  await build({ root: WEB, logLevel: 'silent', build: { outDir: pagesFolder, emptyOutDir: true } })
  const web = createWeb({
    world: it.world,
    backends: backendsOf([it.running]),
    serverFactory: httpServer,
    pagesFolder,
  })
  const base = await web.listen({ host: '127.0.0.1', port: 0 })
  t.after(() => web.close())
  const told: string[] = []
  const program = createServer((request, response) => {
    request.resume()
    request.on('end', () => {
      told.push(String(request.headers['webhook-id']))
      response.writeHead(told.length === 1 ? 204 : 500).end()
    })
  })
  await new Promise<void>((resolve) => program.listen(0, '127.0.0.1', resolve))
  t.after(() => program.close())
  const url = `http://127.0.0.1:${(program.address() as AddressInfo).port}/mail-events`

  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
  t.after(() => browser.close())
  const page = await browser.newPage()
  page.setDefaultTimeout(60_000)
  const errors: Error[] = []
  page.on('pageerror', (error) => errors.push(error))
  await page.goto(`${base}/mail`)
  await page.fill('#address', ANNA)
  await page.fill('#password', 'demo')
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.getByLabel('Settings').click()
  const section = page.locator('#webhooks')
  await section.getByText('None yet.').waitFor()

  await section.getByLabel('Address of the program').fill(url)
  await section.getByLabel('bounced').check()
  await section.getByRole('button', { name: 'Make a webhook' }).click()
  const secret = section.locator('.fresh-secret code')
  const first = await secret.textContent()
  assert.match(first!, /^whsec_/)
  await section.getByText('bounced; is told').waitFor()
  await section.getByRole('button', { name: 'Done' }).click()
  await secret.waitFor({ state: 'detached' })

  await section.getByRole('button', { name: 'Test' }).click()
  await section.getByText(/^It took a test: /).waitFor()
  await section.getByRole('button', { name: 'Test' }).click()
  await section.getByText(/^It did not take a test: .*500/).waitFor()
  await section.getByRole('button', { name: 'Turn off' }).click()
  await section.getByText('bounced; is turned off').waitFor()
  await section.getByRole('button', { name: 'Turn on' }).click()
  await section.getByText('bounced; is told').waitFor()
  await section.getByRole('button', { name: 'New secret' }).click()
  await secret.waitFor()
  assert.notEqual(await secret.textContent(), first)

  // What is no such address is said, and nothing is made of it.
  await section.getByLabel('Address of the program').fill('ftp://127.0.0.1/x')
  await section.getByRole('button', { name: 'Make a webhook' }).click()
  await section.getByRole('alert').filter({ hasText: /https/i }).waitFor()
  assert.equal(await section.getByRole('listitem').count(), 1)
  await section.getByLabel(`Remove the webhook ${url}`).click()
  await section.getByText('None yet.').waitFor()
  assert.deepEqual(errors, [])
})
