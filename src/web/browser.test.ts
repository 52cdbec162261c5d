// The pages in a real browser: signing in, reading, writing, and that HTML mail can neither act nor fetch.

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { strFromU8, strToU8, unzipSync, zipSync } from 'fflate'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { build } from 'vite'
import type { Loose } from '../protocols/jmap/testing.ts'
import { summarise } from '../store/summary.ts'
import { httpServer } from '../world/real/http.ts'
import { realWorld } from '../world/real/world.ts'
import { createWeb } from './server.ts'
import { GOOD_VERDICT, PASSWORD, PEOPLE, type SmallSystem, smallSystem } from './testing.ts'

const CHROMIUM = '/usr/bin/chromium'
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-background-networking']
const WEB = new URL('../../web', import.meta.url).pathname
const SUITE = new URL('../../../shared/suites/html-sanitizer/', import.meta.url)
const skip = existsSync(CHROMIUM) ? false : `no browser at ${CHROMIUM}`
const noSuite = skip || (existsSync(SUITE) ? false : 'the suite html-sanitizer is not here')

const message = (subject: string, body: string, more = ''): string =>
  `From: Anna Author <anna@sender.test>\nTo: bob@recipient.test\nSubject: ${subject}\nMessage-ID: <${encodeURIComponent(subject)}@sender.test>\n${more}\n${body}`

describe('the pages in a browser', { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-pages-'))
  const hits: string[] = []
  const canary = createServer((request, response) => {
    hits.push(request.url ?? '')
    response.setHeader('content-type', 'text/html')
    response.end()
  })
  let system: SmallSystem
  let web: FastifyInstance
  let browser: Browser
  let base = ''
  let remote = ''

  before(async () => {
    const pagesFolder = join(folder, 'pages')
    await build({ root: WEB, logLevel: 'silent', build: { outDir: pagesFolder, emptyOutDir: true } })
    const dns = () => ({ resolve: () => Promise.reject(new Error('no DNS here')) })
    const world = realWorld({ folder: join(folder, 'data'), dns })
    system = await smallSystem(world)
    const { backends, live, tracer } = system
    web = createWeb({
      world,
      backends,
      live,
      trace: tracer,
      serverFactory: httpServer,
      pagesFolder,
      demoPeople: PEOPLE,
    })
    base = await web.listen({ host: '127.0.0.1', port: 0 })
    await new Promise<void>((resolve) => canary.listen(0, '127.0.0.1', resolve))
    remote = `127.0.0.1:${(canary.address() as AddressInfo).port}`
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
  })
  after(async () => {
    await browser?.close()
    await web?.close()
    await system?.store.close()
    canary.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** Runs `work` in a fresh window; any error of a script fails the test. */
  async function inWindow(work: (page: Page, context: BrowserContext) => Promise<void>): Promise<void> {
    const context = await browser.newContext({ locale: 'en-GB' })
    const page = await context.newPage()
    page.setDefaultTimeout(60_000)
    const errors: Error[] = []
    page.on('pageerror', (error) => errors.push(error))
    try {
      await work(page, context)
      assert.deepEqual(errors, [])
    } finally {
      await context.close()
    }
  }

  async function signIn(page: Page, who = 'bob@recipient.test', path = '/mail'): Promise<void> {
    await page.goto(base + path)
    await page.fill('#address', who)
    await page.fill('#password', PASSWORD)
    await page.click('button[type=submit]')
    await page.waitForSelector('.sidebar')
  }
  const rowNamed = (page: Page, subject: string) => page.locator('.row-view', { hasText: subject })

  test('a wrong password is told; the right one opens the Inbox; signing out closes it', () =>
    inWindow(async (page) => {
      await page.goto(`${base}/mail`)
      await page.fill('#address', 'bob@recipient.test')
      await page.fill('#password', 'wrong')
      await page.click('button[type=submit]')
      await page.getByText('Address or password is not right.').waitFor()
      await page.fill('#password', PASSWORD)
      await page.click('button[type=submit]')
      await page.getByRole('heading', { name: 'Inbox' }).waitFor()
      await page.getByLabel('Sign out').click()
      await page.waitForSelector('#password')
      await page.reload()
      await page.waitForSelector('#password')
    }))

  test('the lab is served, with the way to the other pages; who is led there by the start page finds it', () =>
    inWindow(async (page) => {
      await page.goto(base)
      await page.getByRole('link', { name: /^Try a system/ }).click()
      await page.locator('.picture-place svg').waitFor()
      assert.equal(new URL(page.url()).pathname, '/lab')
      await page.getByRole('link', { name: 'Trace' }).click()
      await page.getByRole('heading', { name: 'Understand a message' }).waitFor()
      await page.goto(`${base}/lab/#gallery=open-relay`)
      await page.getByText('An Open Relay floats').first().waitFor()
    }))

  test('a message is listed, read, marked as read, and shows what the Border verified', () =>
    inWindow(async (page) => {
      await system.deliver('bob@recipient.test', message('Harbour', 'See https://example.test/a?b=1.\n'), {
        verdict: GOOD_VERDICT,
      })
      await signIn(page)
      const row = rowNamed(page, 'Harbour')
      assert.match((await row.getAttribute('aria-label')) ?? '', /^Unread, Anna Author, Harbour/)
      await row.click()
      await page.getByRole('heading', { name: 'Harbour' }).waitFor()
      assert.equal(await page.locator('.plain-body a').getAttribute('href'), 'https://example.test/a?b=1')
      assert.deepEqual(await page.locator('.badge').allInnerTexts(), ['SPF pass', 'DKIM pass', 'DMARC pass'])
      await page.locator('.row-view.unread.open').waitFor({ state: 'detached' })
      await page.getByRole('button', { name: 'How did this reach me?' }).click()
      await page.locator('.trace-result img').waitFor()
      await page.keyboard.press('Escape')
      await page.goBack()
      await page.getByText('Choose a message').waitFor()
    }))

  test('HTML mail: no script runs, nothing is fetched, pictures that came with it are shown, mail links open a draft', () =>
    inWindow(async (page) => {
      const evil = [
        `<script>parent.hacked = 1</script><img src="http://${remote}/img" onerror="parent.hacked = 1">`,
        `<style>@import "http://${remote}/css"; body { background: u\\72l(http://${remote}/bg) }</style><style>p { color: rgb(1, 2, 3) } p { background: url(http://${remote}/p) }</style>`,
        `<p style="background-image: url(//${remote}/style)">Readable</p><svg><image href="http://${remote}/svg"/></svg>`,
        `<link rel=stylesheet href="http://${remote}/link"><meta http-equiv=refresh content="0;url=http://${remote}/meta">`,
        `<form action="http://${remote}/form"><input autofocus onfocus="parent.hacked = 1"></form><video src="http://${remote}/v" autoplay></video>`,
        `<a href="javascript:parent.hacked=1" id=js>bad</a> <a href="mailto:carl@example.test?subject=Hi">write</a><iframe srcdoc="<script>top.hacked=1</script>"></iframe>`,
        `<img src="cid:dot@x" width=5>`,
      ].join('')
      const dot = 'R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7'
      const parts = `--b\nContent-Type: text/html\n\n${evil}\n--b\nContent-Type: image/gif\nContent-ID: <dot@x>\nContent-Disposition: inline\nContent-Transfer-Encoding: base64\n\n${dot}\n--b--\n`
      await system.deliver(
        'bob@recipient.test',
        message('Evil', parts, 'MIME-Version: 1.0\nContent-Type: multipart/related; boundary=b\n'),
      )
      await signIn(page)
      await rowNamed(page, 'Evil').click()
      const frame = page.frameLocator('.html-body iframe')
      await frame.getByText('Readable').waitFor()
      await frame.locator('img[src^="data:image/gif"]').waitFor({ state: 'attached' })
      assert.equal(
        await frame
          .getByText('Readable')
          .evaluate((element: unknown) => (globalThis as Loose).getComputedStyle(element).color),
        'rgb(1, 2, 3)',
      )
      assert.equal(await frame.locator('script, form, input, video, iframe, svg, link, [onerror]').count(), 0)
      assert.equal(await frame.getByText('bad').getAttribute('href'), null)
      await frame.getByText('write').click()
      assert.equal(await page.inputValue('#to'), 'carl@example.test')
      await page.waitForTimeout(300)
      assert.equal(await page.evaluate('window.hacked'), undefined)
      assert.deepEqual(hits, [])
      await page.getByText('not shown: fetching would tell').waitFor()
    }))

  test('a message is written, kept as a draft, sent with a file, and filed; it arrives without a reload', () =>
    inWindow(async (page) => {
      await signIn(page, 'anna@sender.test')
      await inWindow(async (other) => {
        await signIn(other)
        await page.keyboard.press('c')
        await page.fill('#to', 'Bob <bob@recipient.test>')
        await page.fill('#subject', 'Grüße')
        await page.fill('.compose-body', 'Hallo Bob,\n\nbis bald.')
        await page.setInputFiles('input[type=file]', {
          name: 'note.txt',
          mimeType: 'text/plain',
          buffer: Buffer.from('noted'),
        })
        await page.getByText('Saved as a draft').waitFor()
        await page.getByRole('button', { name: 'Drafts, 1 drafts' }).waitFor()
        await page.getByRole('button', { name: 'Send', exact: true }).click()
        await page.getByText('Sent.', { exact: true }).waitFor()
        await rowNamed(other, 'Grüße').click()
        await other.locator('.plain-body').getByText('bis bald.').waitFor()
        const [download] = await Promise.all([
          other.waitForEvent('download'),
          other.getByRole('link', { name: /note\.txt/ }).click(),
        ])
        assert.equal(readFileSync(await download.path(), 'utf8'), 'noted')
        assert.equal(download.suggestedFilename(), 'note.txt')
      })
      await page.getByRole('button', { name: 'Sent', exact: true }).click()
      await rowNamed(page, 'Grüße').waitFor()
      await page.getByRole('button', { name: 'Drafts', exact: true }).click()
      await page.getByText('Nothing here.').waitFor()
    }))

  test('whom one has written to is offered while one types, after the recipients that stand there already', () =>
    inWindow(async (page) => {
      await signIn(page, 'postmaster@recipient.test')
      const write = async (to: string, subject: string) => {
        await page.keyboard.press('c')
        await page.fill('#to', to)
        await page.fill('#subject', subject)
      }
      await write('"Recipient, Bob" <bob@recipient.test>', 'Acquainted')
      await page.getByRole('button', { name: 'Send', exact: true }).click()
      await page.getByText('Sent.', { exact: true }).waitFor()
      const { store } = system
      const { id } = store.accountByAddress('postmaster@recipient.test')!
      while (store.lists.objects(id, 'contact').length === 0) await page.waitForTimeout(20)
      await write('anna@sender.test, recip', 'Offered')
      const offered = page.locator('#people option').first()
      await offered.waitFor({ state: 'attached' })
      assert.equal(await offered.getAttribute('value'), 'anna@sender.test, "Recipient, Bob" <bob@recipient.test>')
    }))

  test('what the MSA refuses is told, and the text is still there', () =>
    inWindow(async (page) => {
      await signIn(page)
      await page.keyboard.press('c')
      await page.fill('#to', 'nobody@nowhere.test')
      await page.fill('.compose-body', 'precious')
      await page.getByRole('button', { name: 'Send', exact: true }).click()
      await page.getByText('no mailbox nobody@nowhere.test here').waitFor()
      assert.equal(await page.inputValue('.compose-body'), 'precious')
      await page.fill('#to', 'not an address')
      await page.getByRole('button', { name: 'Send', exact: true }).click()
      await page.getByText('This is no address: not an address').waitFor()
    }))

  test('a mailto: link opens a draft with what it says', () =>
    inWindow(async (page) => {
      const link = encodeURIComponent('mailto:anna@sender.test?subject=A%26B&cc=carl@x.test&body=one%0D%0Atwo')
      await signIn(page, 'bob@recipient.test', `/mail?mailto=${link}`)
      await page.waitForSelector('.compose')
      const field = (id: string) => page.inputValue(id)
      assert.deepEqual(
        [await field('#to'), await field('#cc'), await field('#subject')],
        ['anna@sender.test', 'carl@x.test', 'A&B'],
      )
      assert.equal(await field('.compose-body'), 'one\ntwo')
    }))

  test('a new message appears without a reload', () =>
    inWindow(async (page) => {
      await signIn(page)
      await page.getByRole('heading', { name: 'Inbox' }).waitFor()
      await system.deliver('bob@recipient.test', message('Just now', 'Hi'))
      await Promise.all([rowNamed(page, 'Just now').waitFor(), page.getByText('A new message has arrived.').waitFor()])
    }))

  test('keys: move, open, archive with undo, answer, search', () =>
    inWindow(async (page) => {
      await system.deliver('bob@recipient.test', message('Second', 'unusualword'))
      await system.deliver('bob@recipient.test', message('First', 'Hello'))
      await signIn(page)
      await rowNamed(page, 'First').waitFor()
      await page.keyboard.press('j')
      await page.keyboard.press('o')
      await page.getByRole('heading', { name: 'Second' }).waitFor()
      await page.keyboard.press('e')
      await page.getByText('Archived.').waitFor()
      await rowNamed(page, 'Second').waitFor({ state: 'detached' })
      await page.getByRole('button', { name: 'Undo' }).click()
      await rowNamed(page, 'Second').waitFor()
      await page.keyboard.press('/')
      await page.keyboard.type('from:anna unusualword')
      await page.keyboard.press('Enter')
      await page.getByRole('heading', { name: '“from:anna unusualword”' }).waitFor()
      await rowNamed(page, 'First').waitFor({ state: 'detached' })
      await page.locator('.row-view').click()
      await page.locator('.plain-body').waitFor()
      await page.keyboard.press('a')
      await page.waitForSelector('.compose')
      assert.equal(await page.inputValue('#subject'), 'Re: Second')
      assert.match(await page.inputValue('.compose-body'), /> unusualword/)
      await page.locator('.compose').press('Escape')
      await page.waitForSelector('.compose', { state: 'detached' })
      await page.keyboard.press('?')
      await page.getByRole('heading', { name: 'Keys' }).waitFor()
    }))

  test('the Forwarders that one trusts are kept in the settings', () =>
    inWindow(async (page) => {
      await signIn(page)
      await page.getByLabel('Settings').click()
      await page.getByLabel('Domain that forwards').fill('old.test')
      await page.getByLabel('Your address there').fill('bob@old.test')
      await page.getByRole('button', { name: 'Trust it' }).click()
      await page.getByText('forwards bob@old.test').waitFor()
      const account = system.store.accountByAddress('bob@recipient.test')!.id
      assert.deepEqual(
        system.store.trustedForwarders(account).map(({ domain }) => domain),
        ['old.test'],
      )
      await page.getByLabel('Trust old.test no longer').click()
      await page.locator('#trusted').getByText('None yet.').waitFor()
    }))

  test('a Forwarder that sealed a message can be trusted from the message itself', () =>
    inWindow(async (page) => {
      const seals = 'ARC-Seal: i=2; a=rsa-sha256; d=old.test; s=a; b=x\nARC-Seal: i=1; d=first.test; b=x\n'
      const verdict = { ...GOOD_VERDICT, spf: 'fail', arc: 'pass' }
      await system.deliver('bob@recipient.test', message('Sealed', 'Hi', seals), { verdict })
      await signIn(page)
      await rowNamed(page, 'Sealed').click()
      await page.getByText('Verified at the Border').click()
      await page.getByRole('button', { name: 'old.test forwards my mail' }).click()
      await page.getByText('From now on, what old.test verified counts for you.').waitFor()
      const account = system.store.accountByAddress('bob@recipient.test')!.id
      assert.deepEqual(
        system.store.trustedForwarders(account).map(({ domain }) => domain),
        ['old.test'],
      )
      await system.store.commit([{ kind: 'trust.remove', account, domain: 'old.test' }])
    }))

  test('a filter is written, its mistakes shown where they stand, made active, and turned off', () =>
    inWindow(async (page) => {
      await signIn(page, 'anna@sender.test')
      await page.getByLabel('Settings').click()
      const filters = page.locator('#filters')
      await filters.getByRole('button', { name: 'New script' }).click()
      await filters.getByLabel('Name').fill('Mine')
      await filters.getByLabel('Script').fill('keep;\nif "ü" nonsense;\n')
      await filters.getByRole('button', { name: 'Save' }).click()
      const mistake = filters.locator('.mistakes button').first()
      assert.match((await mistake.textContent()) ?? '', /^2:\d+$/)
      await mistake.click()
      const selected = await page.evaluate('document.activeElement.selectionStart')
      assert.ok(Number(selected) >= 6, `the cursor is at ${selected}`)
      const { store } = system
      const account = store.accountByAddress('anna@sender.test')!.id
      assert.deepEqual(store.scripts(account), [])
      await filters.getByLabel('Script').fill('keep;\n# ü\n')
      await filters.getByRole('button', { name: 'Check' }).click()
      await filters.getByText('No mistakes.').waitFor()
      await filters.getByRole('button', { name: 'Save' }).click()
      await filters.getByRole('button', { name: 'Activate Mine' }).click()
      await filters.getByRole('button', { name: 'Turn off Mine' }).waitFor()
      const [script] = store.scripts(account)
      assert.deepEqual(
        [script!.name, script!.isActive, (await store.readBlob(script!.blob))!.toString()],
        ['Mine', true, 'keep;\n# ü\n'],
      )
      await filters.getByRole('button', { name: 'Edit Mine' }).click()
      assert.equal(await filters.getByLabel('Script').inputValue(), 'keep;\n# ü\n')
      await filters.getByRole('button', { name: 'Cancel' }).click()
      await filters.getByRole('button', { name: 'Turn off Mine' }).click()
      page.once('dialog', (dialog) => void dialog.accept())
      await filters.getByRole('button', { name: 'Delete Mine' }).click()
      await filters.getByText('None yet.').waitFor()
      assert.deepEqual(store.scripts(account), [])
    }))

  test('the answer while one is away is set, with its days, and turned off', () =>
    inWindow(async (page) => {
      await signIn(page, 'anna@sender.test')
      await page.getByLabel('Settings').click()
      const away = page.locator('#away')
      await away.getByLabel(/Answer whoever/).check()
      await away.getByLabel('First day').fill('2026-12-24')
      await away.getByLabel('Last day').fill('2026-12-20')
      await away.getByLabel('Text').fill('Back in January.')
      await away.getByRole('button', { name: 'Save' }).click()
      await away.getByText('The last day is before the first.').waitFor()
      await away.getByLabel('Last day').fill('2026-12-31')
      await away.getByLabel('Subject').fill('Away')
      await away.getByRole('button', { name: 'Save' }).click()
      await away.getByText('Saved. It is on.').waitFor()
      const account = system.store.accountByAddress('anna@sender.test')!.id
      const kept = system.store.vacation(account)!
      assert.deepEqual([kept.isEnabled, kept.subject, kept.textBody], [true, 'Away', 'Back in January.'])
      assert.equal(kept.toMs! - kept.fromMs!, 8 * 24 * 60 * 60 * 1000)
      await page.reload()
      await page.getByLabel('Settings').click()
      assert.equal(await away.getByLabel('Last day').inputValue(), '2026-12-31')
      await away.getByLabel(/Answer whoever/).uncheck()
      await away.getByRole('button', { name: 'Save' }).click()
      await away.getByText('Saved. It is off.').waitFor()
    }))

  test('an address that could not be reached is shown with the reason, and taken off', () =>
    inWindow(async (page) => {
      const note = {
        kind: 'bounced.note',
        author: 'anna@sender.test',
        reason: 'user-unknown',
        atMs: Date.now(),
        suppress: { address: 'gone@far.test', said: '550 5.1.1 <b>no</b> such mailbox' },
      } as const
      await system.store.commit([note, note])
      await signIn(page, 'anna@sender.test')
      await page.getByLabel('Settings').click()
      const failed = page.locator('#failed-addresses')
      await failed
        .getByText(/there is no such mailbox \(550 5\.1\.1 <b>no<\/b> such mailbox\); .* refused until/)
        .waitFor()
      await failed.getByRole('button', { name: 'Take off' }).click()
      await failed.getByText('You can write to gone@far.test again.').waitFor()
      await failed.locator('li').waitFor({ state: 'detached' })
    }))

  test('mail is brought from a file, with what did not come as it was, and taken as an archive', () =>
    inWindow(async (page) => {
      await signIn(page, 'postmaster@recipient.test')
      await page.getByLabel('Settings').click()
      const letters = Array.from(
        { length: 50 },
        (_, at) => `From a@b.test Mon Nov 23 10:00:00 2026\nSubject: Old ${at}\n\nbody\n\n`,
      ).join('')
      const zip = zipSync({ 'Alt/Familie.mbox': strToU8(letters) })
      await page.getByLabel('File of mail').setInputFiles({
        name: 'old mail.zip',
        mimeType: 'application/zip',
        buffer: Buffer.from(zip),
      })
      await page.locator('#moving').getByText('50 messages came. It is all here.').waitFor()
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('link', { name: 'Take it as mbox' }).click(),
      ])
      assert.equal(download.suggestedFilename(), 'mail-mbox.zip')
      const files = unzipSync(readFileSync(await download.path()))
      const all = Object.values(files).map((bytes) => strFromU8(bytes))
      assert.equal(all.join('').match(/^Subject: Old /gm)?.length, 50)
      await page.getByLabel('Server', { exact: true }).fill('nowhere')
      await page.getByLabel('Account there').fill('bob')
      await page.getByLabel('Password there').fill('secret')
      await page.getByRole('button', { name: 'Copy from that server' }).click()
      await page.getByText('Name the server as imap.example.com.').waitFor()
      assert.equal(await page.getByLabel('Password there').inputValue(), '')
    }))

  test('the live page moves messages along the arrows and says what each role did', () =>
    inWindow(async (page) => {
      await page.goto(`${base}/live`)
      await page.locator('.live-state.on').waitFor()
      await page.locator('.picture svg').waitFor()
      assert.deepEqual(await page.locator('.queue-count text').allTextContents(), ['3'])
      const [hop] = (system.live.picture() as { hops: { from: string; to: string }[] }).hops
      const { from, to } = hop!
      const step = { trace: 'T1', messageId: '<m@x>', from, to, kind: 'accepted', role: 'MSA' }
      system.tell({ ...step, atMs: Date.now(), text: 'took it from anna@sender.test', subject: 'Lunch' })
      await page.locator('circle.dot').waitFor()
      await page.getByRole('button', { name: /Lunch/ }).click()
      await page.locator('.hops').getByText('took it from anna@sender.test').waitFor()
    }))

  test('10,000 messages: the list is as long, the page is not', () =>
    inWindow(async (page) => {
      const { store } = system
      const account = store.accountByAddress('anna@sender.test')!.id
      const source = Buffer.from('Subject: bulk\r\n\r\nbulk\r\n')
      const blob = await store.putBlob([source])
      const summary = summarise(source)
      const one = (i: number) =>
        ({
          kind: 'email.deliver',
          account,
          mailboxes: ['archive'],
          blob,
          summary: { ...summary, subject: `Bulk ${i}`, messageId: [`bulk${i}@x.test`] },
          flags: ['\\Seen'],
          receivedAtMs: 1_000_000 + i,
          verdict: null,
        }) as const
      await store.commit(Array.from({ length: 10_000 }, (_, i) => one(i)))
      await signIn(page, 'anna@sender.test')
      await page.getByRole('button', { name: 'Archive', exact: true }).click()
      await page.getByText('10,000 conversations').waitFor()
      await page.locator('#list').focus()
      await page.keyboard.press('End')
      await rowNamed(page, 'Bulk 0').waitFor()
      assert.ok((await page.locator('.row-view').count()) < 60)
    }))

  test('the sanitiser by itself lets no known script through and fetches nothing', { skip: noSuite }, () =>
    inWindow(async (page) => {
      const library = join(folder, 'library')
      const entry = join(WEB, 'src/mail/sanitise.trial.ts')
      await build({
        root: WEB,
        logLevel: 'silent',
        configFile: false,
        publicDir: false,
        build: { outDir: library, lib: { entry, name: 'Trial', formats: ['iife'], fileName: () => 'trial.js' } },
      })
      const cases: { payload: string }[] = JSON.parse(readFileSync(new URL('dompurify-cases.json', SUITE), 'utf8'))
      const leaks = readFileSync(new URL('httpleaks.html', SUITE), 'utf8').replaceAll(
        /(https?:)?\/\/leaking\.via/gi,
        `http://${remote}`,
      )
      await page.goto(`http://${remote}/`)
      await page.addScriptTag({ path: join(library, 'trial.js') })
      hits.length = 0
      // The alarm works: unsanitised, the same page does fetch.
      await page.evaluate(
        `document.body.append(Object.assign(document.createElement('iframe'), { srcdoc: ${JSON.stringify(leaks).replaceAll('<', '\\u003c')} }))`,
      )
      await page.waitForTimeout(500)
      assert.ok(hits.length > 20, `${hits.length} requests`)
      await page.evaluate('document.body.replaceChildren()')
      await page.waitForTimeout(200)
      hits.length = 0
      const payloads = JSON.stringify([...cases.map(({ payload }) => payload), leaks])
      const executed = await page.evaluate(`Trial.trial(${payloads.replaceAll('<', '\\u003c')})`)
      await page.waitForTimeout(300)
      assert.deepEqual(executed, [])
      assert.deepEqual(hits, [])
    }),
  )
})
