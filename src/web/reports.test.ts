// The postmaster's page of reports: for nobody else, and in a real browser.

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { type Browser, chromium } from 'playwright-core'
import { build } from 'vite'
import { sampleReports } from '../roles/reports/testing.ts'
import { httpServer } from '../world/real/http.ts'
import { realWorld } from '../world/real/world.ts'
import { createWeb } from './server.ts'
import { PASSWORD, POSTMASTER, type SmallSystem, smallSystem } from './testing.ts'

const CHROMIUM = '/usr/bin/chromium'
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-background-networking']
const WEB = new URL('../../web', import.meta.url).pathname

describe('reports', () => {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-reports-'))
  const pagesFolder = join(folder, 'pages')
  let system: SmallSystem
  let web: FastifyInstance
  let base = ''

  before(async () => {
    if (existsSync(CHROMIUM))
      await build({ root: WEB, logLevel: 'silent', build: { outDir: pagesFolder, emptyOutDir: true } })
    const dns = () => ({ resolve: () => Promise.reject(new Error('no DNS here')) })
    const world = realWorld({ folder: join(folder, 'data'), dns })
    system = await smallSystem(world)
    await system.store.commit(sampleReports(world.clock.now()))
    const pages = existsSync(pagesFolder) ? { pagesFolder } : {}
    web = createWeb({ world, backends: system.backends, serverFactory: httpServer, ...pages })
    base = await web.listen({ host: '127.0.0.1', port: 0 })
  })
  after(async () => {
    await web?.close()
    await system?.store.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const ask = (address: string, query = '') => {
    const authorization = `Basic ${Buffer.from(`${address}:${PASSWORD}`).toString('base64')}`
    return web.inject({ url: `/api/reports${query}`, headers: { authorization } })
  }

  test('only the postmaster reads them', async () => {
    assert.equal((await web.inject('/api/reports')).statusCode, 401)
    assert.equal((await ask('bob@recipient.test')).statusCode, 403)
    const answer = await ask(POSTMASTER.address)
    assert.equal(answer.statusCode, 200)
    const { domains, tls, complaints, received, ours } = answer.json()
    const [domain] = domains
    assert.deepEqual([domain.domain, domain.messages, domain.proven, domain.refused], ['sender.test', 1546, 1321, 216])
    assert.deepEqual([tls[0].good, tls[0].bad, complaints[0].about], [140, 3, 'anna@sender.test'])
    assert.deepEqual([received.length, ours.length], [4, 2])
    assert.equal((await ask(POSTMASTER.address, '?days=x')).statusCode, 200)
  })

  test('the page says who sends, what that means and what to do', {
    skip: existsSync(CHROMIUM) ? false : `no browser at ${CHROMIUM}`,
  }, async () => {
    const browser: Browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
    try {
      const page = await browser.newPage({ locale: 'en-GB' })
      page.setDefaultTimeout(60_000)
      const errors: Error[] = []
      page.on('pageerror', (error) => errors.push(error))
      await page.goto(`${base}/reports`)
      await page.getByRole('heading', { name: 'Read reports' }).waitFor()
      await page.fill('#address', POSTMASTER.address)
      await page.fill('#password', PASSWORD)
      await page.click('button[type=submit]')
      const domain = page.getByRole('region', { name: 'sender.test' })
      await domain.getByText('Yours: proven by signature and by address.').waitFor()
      const forged = domain.locator('.group', { hasText: 'Sent by forger.test with your domain in From.' })
      assert.match((await forged.textContent()) ?? '', /203\.0\.113\.66[\s\S]*212/)
      await page.getByText('The certificate is out of date. Renew it.').waitFor()
      await page.getByText('Sent to dmarc@big.test').waitFor()
      await page.getByText('anna@sender.test', { exact: true }).click()
      await page.getByText('Our spring offers').waitFor()
      assert.deepEqual(errors, [])
      if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/reports.png`, fullPage: true })
      if (process.env.SHOTS) {
        await page.setViewportSize({ width: 400, height: 800 })
        await page.emulateMedia({ colorScheme: 'dark' })
        await page.screenshot({ path: `${process.env.SHOTS}/reports-small.png`, fullPage: true })
      }
    } finally {
      await browser.close()
    }
  })
})
