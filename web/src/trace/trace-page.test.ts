// The page of the trace in a real browser, hosted as static files in some folder, under the policy that our own server sends:
// a message, forged lines, signatures with keys pasted and asked for, an mbox, by keyboard alone, and axe in light and dark.

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import axeCore from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import { keyRecord } from '../../../src/identity/dkim/keys.ts'
import { signDkim } from '../../../src/identity/dkim/sign.ts'
import { directCpu, fixedClock } from '../../../src/identity/testing.ts'
import { parseHeader } from '../../../src/message/header.ts'
import { type HostedPages, hostPages, NO_BROWSER } from '../testing.ts'

const POLICY =
  "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self' https://cloudflare-dns.com https://dns.google; object-src 'none'; base-uri 'none'; form-action 'self'"

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const KEY = keyRecord(privateKey, 'sender.example', 's1')

const HEAD =
  'Authentication-Results: mx.home.example; spf=pass smtp.mailfrom=anna@sender.example; dkim=pass header.d=sender.example\r\n' +
  'Received: from out.sender.example (out.sender.example [192.0.2.5]) (using TLSv1.3 with cipher X) by mx.home.example with ESMTPS id 3 for <bob@home.example>; Fri, 27 Nov 2026 10:00:05 +0000\r\n' +
  'Received: from desk (desk [10.0.0.1]) by out.sender.example with ESMTPSA id 2; Fri, 27 Nov 2026 10:00:02 +0000\r\n'
const FORGED =
  'Received: from mail.bank.example (mail.bank.example [198.51.100.9]) by relay.innocent.example with ESMTPS id 1; Fri, 27 Nov 2026 10:00:00 +0000\r\n'
const WRITTEN =
  'From: Anna <anna@sender.example>\r\nTo: bob@home.example\r\nSubject: gr\u00fc\u00dfe\r\nDate: Fri, 27 Nov 2026 10:00:00 +0000\r\n\r\nhello\r\n'

async function signed(): Promise<string> {
  const message = Buffer.from(WRITTEN)
  const key = { domain: 'sender.example', selector: 's1', privateKey }
  const fields = await signDkim(parseHeader(message), [key], { cpu: directCpu, clock: fixedClock(1_790_000_000) })
  return HEAD + fields.toString() + WRITTEN
}

describe('the page of the trace in a browser', { skip: NO_BROWSER }, () => {
  let pages: HostedPages | undefined
  let browser: Browser
  let base = ''

  before(async () => {
    pages = await hostPages({ policy: POLICY, mode: 'static' })
    browser = pages.browser
    base = `${pages.url}trace/`
  })
  after(() => pages?.close())

  type Window = { readonly scheme?: 'light' | 'dark'; readonly width?: number }

  /** Runs `work` in a fresh window; an error of a script, and a question to anybody but the page's own server, fails the test. */
  async function onPage(
    work: (page: Page, asked: string[]) => Promise<void>,
    { scheme = 'light', width = 1200 }: Window = {},
  ): Promise<void> {
    const context = await browser.newContext({
      locale: 'en-GB',
      colorScheme: scheme,
      viewport: { width, height: 900 },
    })
    const page = await context.newPage()
    page.setDefaultTimeout(60_000)
    const errors: Error[] = []
    const asked: string[] = []
    page.on('pageerror', (error) => errors.push(error))
    await context.route(
      (url) => url.hostname !== '127.0.0.1',
      (route) => {
        asked.push(route.request().url())
        const data = KEY.text.replace(/(.{200})/g, '$1" "')
        return route.fulfill({
          contentType: 'application/dns-json',
          headers: { 'access-control-allow-origin': '*' },
          body: JSON.stringify({ Status: 0, AD: false, Answer: [{ name: KEY.name, type: 16, data: `"${data}"` }] }),
        })
      },
    )
    try {
      await page.goto(base)
      await page.getByRole('heading', { name: 'Understand a message' }).waitFor()
      await work(page, asked)
      assert.deepEqual(errors, [])
    } finally {
      await context.close()
    }
  }

  async function show(page: Page, message: string, hosts = 'mx.home.example'): Promise<void> {
    await page.getByLabel('The message, or only its header').fill(message.replaceAll('\r\n', '\n'))
    await page.getByLabel('Your own mail hosts').fill(hosts)
    await page.getByRole('button', { name: 'Show its path' }).click()
    await page.getByRole('heading', { name: 'The path of the message' }).waitFor()
    await page.getByText('Read: ').waitFor()
  }
  const cells = (page: Page) =>
    page
      .locator('.trace-table tbody tr')
      .evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent!.trim()).join(' | ')))

  test('a message is shown as picture, table and text, and nobody is asked for anything', () =>
    onPage(async (page, asked) => {
      await show(page, await signed())
      assert.deepEqual(await cells(page), [
        "1 | desk [10.0.0.1] | out.sender.example | MSA/Transmitter | sender's | claimed | 2026-11-27 10:00:02 UTC | +2 s | TLS",
        'Border',
        "2 | out.sender.example [192.0.2.5] | mx.home.example | Receiver/MDA | Recipient's | verified | 2026-11-27 10:00:05 UTC | +3 s | TLSv1.3",
      ])
      const picture = page.getByRole('img', { name: /The path of the message as a picture/ })
      assert.ok(await picture.evaluate((image: HTMLImageElement) => image.complete && image.naturalWidth > 300))
      assert.match(
        (await page.locator('.trace-result pre').textContent())!,
        /Author ==> MSA\/Transmitter@sender --> \//,
      )
      assert.match((await page.locator('.trace-proofs').textContent())!, /the body is as it was signed/)
      assert.deepEqual(asked, [])
      // The lab opens with it.
      const href = await page.getByRole('link', { name: 'Open in the lab' }).getAttribute('href')
      await page.goto(href!)
      await page.locator('[data-block]').first().waitFor()
    }))

  test('forged lines are struck out, with the reason', () =>
    onPage(async (page) => {
      await show(page, HEAD + FORGED + WRITTEN)
      assert.match(
        (await page.locator('.trace-doubts').textContent())!,
        /Line 1: out\.sender\.example took the message from somebody who had signed in there, and this line leads elsewhere/,
      )
      assert.match((await cells(page))[0]!, /relay\.innocent\.example \| {2}\| {2}\| doubtful/)
    }))

  test('a signature is verified with a key that was pasted, and with one that a named resolver was asked for', () =>
    onPage(async (page, asked) => {
      const message = await signed()
      await show(page, message)
      await page.getByText('Paste a key instead').click()
      await page.getByLabel('Its TXT record').fill(KEY.text)
      await page.getByRole('button', { name: 'Check with this key' }).click()
      await page.getByText('valid, now').waitFor()
      assert.deepEqual(asked, [])

      await show(page, message)
      await page.getByRole('button', { name: 'Ask Google for the keys' }).click()
      await page.getByText('valid, now').waitFor()
      assert.deepEqual(asked, ['https://dns.google/resolve?name=s1._domainkey.sender.example&type=TXT'])

      await show(page, message.replace('hello', 'goodbye'))
      await page.getByText('the body was changed').waitFor()
    }))

  test('an mbox becomes a table of paths and one picture', () =>
    onPage(async (page) => {
      const entry = (n: number) =>
        `From x Fri Nov 27 10:00:00 2026\n${(HEAD + WRITTEN).replaceAll('\r\n', '\n').replace('id 3', `id ${n}`)}\n`
      const buffer = Buffer.from(
        Array.from({ length: 1200 }, (_, n) => entry(n)).join('') + entry(1).replaceAll('out.sender', 'out.other'),
      )
      await page.locator('#file').setInputFiles({ name: 'old.mbox', mimeType: 'application/mbox', buffer })
      await page.getByRole('heading', { name: 'By which paths this mail came' }).waitFor()
      const rows = await cells(page)
      assert.equal(rows.length, 2)
      assert.match(rows[0]!, /^1200 \| 100 % \| 100 % \| 0 % \| 5 s \| Author ==> MSA\/Transmitter@sender/)
      await page.getByRole('img', { name: /most frequent paths/ }).waitFor()
      // What a mail program saves of one message is a message.
      const one = { name: 'one.mbox', mimeType: 'application/mbox', buffer: Buffer.from(entry(1)) }
      await page.locator('#file').setInputFiles(one)
      await page.getByRole('heading', { name: 'The path of the message' }).waitFor()
      assert.equal((await cells(page)).length, 3)
    }))

  test('what is no message is told', () =>
    onPage(async (page) => {
      await page.getByLabel('The message, or only its header').fill('no header at all')
      await page.getByRole('button', { name: 'Show its path' }).click()
      await page.getByText('This is no header of a message').waitFor()
    }))

  test('everything is done by keyboard alone', () =>
    onPage(async (page) => {
      await page.getByLabel('The message, or only its header').focus()
      await page.keyboard.insertText((await signed()).replaceAll('\r\n', '\n'))
      await page.keyboard.press('Tab')
      await page.keyboard.insertText('home.example')
      await page.keyboard.press('Enter')
      const heading = page.getByRole('heading', { name: 'The path of the message' })
      await heading.waitFor()
      await page.waitForFunction(() => document.activeElement?.tagName === 'H2')
      await page.keyboard.press('Tab')
      assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('aria-label')), 'Picture of the path')
      await page.keyboard.press('Tab')
      assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('aria-label')), 'Table of the hops')
    }))

  for (const scheme of ['light', 'dark'] as const)
    for (const width of [1200, 360])
      test(`axe finds nothing, ${scheme}, ${width} wide`, () =>
        onPage(
          async (page) => {
            await axe(page, 'empty')
            await show(page, (await signed()).replace('From: Anna', `${FORGED}From: Anna`))
            await page.getByText('Paste a key instead').click()
            await axe(page, 'shown')
            const beyond = await page.evaluate(
              () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
            )
            assert.ok(beyond <= 0, 'the page itself does not scroll sideways')
          },
          { scheme, width },
        ))

  async function axe(page: Page, where: string): Promise<void> {
    await page.evaluate(axeCore.source)
    const violations = await page.evaluate(async () => {
      type Axe = { run(): Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }> }
      const found = await (globalThis as unknown as { axe: Axe }).axe.run()
      return found.violations.map(
        ({ id, nodes }) => `${id}: ${nodes[0]!.html.slice(0, 200)} ${nodes[0]!.failureSummary}`,
      )
    })
    assert.deepEqual(violations, [], where)
  }
})
