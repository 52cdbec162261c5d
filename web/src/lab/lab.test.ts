// The lab in a real browser, hosted as static files in some folder, under the policy that our own server sends: writing,
// findings and remedies, completion, gallery, sharing, export, by keyboard alone, and axe in light and dark.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import axeCore from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import { type HostedPages, hostPages, NO_BROWSER } from '../testing.ts'
import { fragmentOf } from './share.ts'

const GALLERY = readdirSync(new URL('../../../gallery/', import.meta.url)).filter((name) =>
  name.endsWith('.borderpost'),
)
const POLICY =
  "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'"
const FORWARDED =
  'Author@a ==> MSA/Transmitter@s --> / --> Receiver/Forwarder@old ~~> MDA@new ==> Recipient@bob\n\nold: domain=old.test\n'

describe('the lab in a browser', { skip: NO_BROWSER }, () => {
  let pages: HostedPages | undefined
  let browser: Browser
  let base = ''

  before(async () => {
    pages = await hostPages({ policy: POLICY })
    browser = pages.browser
    base = `${pages.url}lab/`
  })
  after(() => pages?.close())

  type Window = { readonly fragment?: string; readonly scheme?: 'light' | 'dark'; readonly width?: number }

  /** Runs `work` in a fresh window with the lab open; any error of a script fails the test. */
  async function inLab(
    work: (page: Page) => Promise<void>,
    { fragment = '', scheme, width }: Window = {},
  ): Promise<void> {
    const context = await browser.newContext({
      locale: 'en-GB',
      colorScheme: scheme ?? 'light',
      viewport: { width: width ?? 1400, height: 900 },
      acceptDownloads: true,
    })
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    const page = await context.newPage()
    page.setDefaultTimeout(60_000)
    const errors: Error[] = []
    page.on('pageerror', (error) => errors.push(error))
    try {
      await page.goto(base + fragment)
      await page.locator('.picture-place svg').waitFor()
      await work(page)
      assert.deepEqual(errors, [])
    } finally {
      await context.close()
    }
  }

  /** The text in the editor, with all its lines. */
  const textIn = (page: Page) =>
    page.locator('.cm-line').evaluateAll((lines) => lines.map((line) => line.textContent).join('\n'))
  async function write(page: Page, text: string): Promise<void> {
    await page.locator('.cm-content').click()
    await page.keyboard.press('ControlOrMeta+a')
    await page.keyboard.press('Delete')
    await page.keyboard.insertText(text)
  }
  /** The actors of the picture, as soon as it is that of the text. */
  async function blocks(page: Page): Promise<(string | null)[]> {
    // The editor tells of what was written in the next frame.
    await page.evaluate('new Promise((then) => requestAnimationFrame(() => requestAnimationFrame(then)))')
    await page.locator('.picture-place[aria-busy=false]').waitFor()
    return page
      .locator('.picture-place [data-block]')
      .evaluateAll((those) => those.map((one) => one.getAttribute('data-block')))
  }

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

  test('what is written is drawn, also with errors; what is wrong is underlined, told, and its remedy applied', () =>
    inLab(async (page) => {
      await write(page, FORWARDED)
      assert.deepEqual(await blocks(page), [
        'author-a',
        'msa-transmitter-s',
        'receiver-forwarder-old',
        'mda-new',
        'recipient-bob',
      ])
      const finding = page.locator('.finding', { hasText: 'R05' })
      await finding.waitFor()
      assert.equal(await page.locator('.squiggle-warning').first().textContent(), 'Receiver/Forwarder@old')
      await finding.getByRole('button', { name: 'Write below the flow: new: trusts=old' }).click()
      await finding.waitFor({ state: 'detached' })
      assert.equal(await textIn(page), `${FORWARDED}new: trusts=old\n`)
      await page.getByRole('button', { name: 'Undo' }).click()
      assert.equal(await textIn(page), FORWARDED)

      await write(page, 'Author => MSA/Transmitter --> / --> Receiver/MDA ==> Recipiant')
      await page.locator('.finding', { hasText: 'N11' }).waitFor()
      assert.equal((await blocks(page)).length, 4)
      assert.equal(await page.locator('.is-strange').textContent(), 'Recipiant')
      await page.getByRole('button', { name: 'Apply all 2' }).click()
      await page.getByRole('heading', { name: 'No findings' }).waitFor()
      assert.equal(await textIn(page), 'Author ==> MSA/Transmitter --> / --> Receiver/MDA ==> Recipient')
    }))

  test('completion: roles, arrows, and what an agent can be told', () =>
    inLab(async (page) => {
      await write(page, 'Author ==> MSA/Tra')
      await page.locator('.cm-tooltip-autocomplete [aria-selected=true]', { hasText: 'Transmitter' }).waitFor()
      // Completion takes no key within a moment of its appearing.
      await page.waitForTimeout(120)
      await page.keyboard.press('Enter')
      assert.equal(await textIn(page), 'Author ==> MSA/Transmitter')
      await page.keyboard.insertText('@s --> / --> Receiver/MDA@r ==> Recipient\n\ns: dm')
      await page.keyboard.press('Control+Space')
      await page.locator('.cm-tooltip-autocomplete [aria-selected=true]', { hasText: /^dmarc/ }).waitFor()
      await page.waitForTimeout(120)
      await page.keyboard.press('Enter')
      await page.keyboard.press('Control+Space')
      await page.locator('.cm-tooltip-autocomplete li', { hasText: /^reject/ }).click()
      assert.match(await textIn(page), /\ns: dmarc=reject$/)
    }))

  test('who is new is told what signs, roles and checks mean: those of this text', () =>
    inLab(async (page) => {
      await write(page, FORWARDED)
      // The table of the new text: until then everything is told of the old one.
      await page.getByRole('heading', { name: /writes to bob@old\.test/ }).waitFor()
      const legend = page.locator('.legend')
      await legend.locator('summary').click()
      await legend.getByText('Border defense: authenticates the sender').waitFor()
      const signs = await legend.locator('dt').allTextContents()
      for (const one of ['==>', '~~>', 'Author', 'Forwarder', 'MDA', 'Recipient', 'SPF', 'DMARC', 'SRS'])
        assert.ok(signs.includes(one), one)
      assert.ok(!signs.includes('Mailing List'))
      await axe(page, 'legend')
      await write(page, 'Author ==> Mailing List')
      await legend.getByText('passes each message on to its members').waitFor()
    }))

  test('every system of the gallery is chosen and drawn', () =>
    inLab(async (page) => {
      for (let n = 0; n < GALLERY.length; n++) {
        await page.getByRole('button', { name: 'Gallery' }).click()
        const example = page.locator('.gallery button').nth(n)
        const title = (await example.locator('.quiet').textContent())!
        await example.click()
        assert.ok((await textIn(page)).startsWith(`# ${title.slice(0, 40)}`), title)
        assert.ok((await blocks(page)).length >= 3, title)
        await page.locator('.survival [aria-busy=false]:not(.stale)').waitFor()
        await page.locator('.survival', { hasText: /writes to|no letter was sent/ }).waitFor()
        assert.equal(await page.locator('.finding.error, .refused').count(), 0, title)
      }
      await page.getByRole('button', { name: 'Gallery' }).click()
      assert.equal(await page.locator('.gallery button').count(), GALLERY.length)
    }))

  test('a link holds the description; a stranger’s link is text and nothing else', async () => {
    let link = ''
    await inLab(async (page) => {
      await write(page, FORWARDED)
      await page.getByRole('button', { name: 'Share' }).click()
      await page.getByRole('button', { name: 'Copy the link' }).click()
      await page.getByText('Copied.').waitFor()
      link = await page.evaluate(() => navigator.clipboard.readText())
    })
    assert.ok(link.startsWith(`${base}#d=`))
    await inLab(async (page) => assert.equal(await textIn(page), FORWARDED), { fragment: link.slice(base.length) })

    const evil =
      '# <img src=x onerror=document.title="hacked"><script>document.title="hacked"</script>\n' +
      '|-- <svg onload=document.title="hacked"> --|\nAuthor@"><script> ==> MSA/<b>Transmitter</b> --> / --> Receiver/MDA ==> Recipient\n\n' +
      'Author: name="<img src=x onerror=document.title=\'hacked\'>"\n'
    await inLab(
      async (page) => {
        await page.locator('.finding').first().waitFor()
        for (const tab of await page.getByRole('tab').all()) await tab.click()
        await page.getByRole('button', { name: 'Export' }).click()
        await page.waitForTimeout(300)
        assert.equal(await page.title(), 'Lab · Borderpost')
        assert.equal(await page.locator('main script, main img, .picture-place [onload]').count(), 0)
      },
      { fragment: fragmentOf(evil) },
    )
    await inLab(
      async (page) => {
        await page.getByText('This link is damaged').waitFor()
        assert.ok((await blocks(page)).length > 0)
      },
      { fragment: fragmentOf(FORWARDED).slice(0, -6) },
    )
    await inLab(async (page) => assert.match(await textIn(page), /^# An Open Relay/), {
      fragment: '#gallery=open-relay',
    })
  })

  test('what was written is there again when the page is opened again', () =>
    inLab(async (page) => {
      await write(page, FORWARDED)
      await page.reload()
      await page.locator('.picture-place svg').waitFor()
      assert.equal(await textIn(page), FORWARDED)
    }))

  test('a link is forgotten once its text is changed: loaded again, the change is there', () =>
    inLab(
      async (page) => {
        await page.locator('.cm-content').click()
        await page.keyboard.press('ControlOrMeta+End')
        await page.keyboard.insertText('# mine')
        await page.reload()
        await page.locator('.picture-place svg').waitFor()
        assert.match(await textIn(page), /# mine$/)
      },
      { fragment: '#gallery=open-relay' },
    ))

  test('more text than the lab takes is not taken, and that is said', () =>
    inLab(async (page) => {
      await write(page, FORWARDED)
      await page.keyboard.insertText('#'.repeat(100_001))
      await page.getByText('The lab takes at most 100,000 characters.').waitFor()
      assert.equal(await textIn(page), FORWARDED)
    }))

  test('the caret marks the picture; a click in the picture moves the caret', () =>
    inLab(
      async (page) => {
        const marked = () =>
          page.locator('.picture-place .marked').evaluateAll((all) => all.map((one) => one.getAttribute('data-block')))
        await page.locator('[data-block=mda-new]').click()
        assert.deepEqual(await marked(), ['mda-new'])
        assert.equal(await page.evaluate(() => getSelection()?.toString()), 'MDA@new')
        await page.keyboard.press('ControlOrMeta+End')
        await page.keyboard.press('ArrowUp')
        assert.deepEqual(await marked(), ['receiver-forwarder-old'])
      },
      { fragment: fragmentOf(FORWARDED) },
    ))

  test('hosted as files it leads to the other page that needs no server, and back', () =>
    inLab(async (page) => {
      const bar = page.getByRole('navigation', { name: 'Pages' })
      assert.deepEqual(await bar.getByRole('link').allTextContents(), ['Lab', 'Trace'])
      await bar.getByRole('link', { name: 'Trace' }).click()
      await page.getByRole('heading', { name: 'Understand a message' }).waitFor()
      await bar.getByRole('link', { name: 'Lab' }).click()
      await page.locator('.picture-place svg').waitFor()
      assert.ok(page.url().startsWith(base))
    }))

  test('the picture is made larger, smaller, and fitted', () =>
    inLab(async (page) => {
      const width = async () => (await page.locator('.picture-place svg').boundingBox())!.width
      const fitted = await width()
      await page.getByRole('button', { name: 'Larger' }).click()
      assert.ok((await width()) > fitted)
      await page.getByRole('button', { name: 'Smaller' }).click()
      await page.getByRole('button', { name: 'Smaller' }).click()
      assert.ok((await width()) < fitted)
      await page.getByRole('button', { name: 'Fit' }).click()
      assert.equal(await width(), fitted)
    }))

  test('machines, organisations and contracts are shown, and left out, where the text has them', () =>
    inLab(
      async (page) => {
        const layer = (name: string) => page.getByRole('button', { name, exact: true })
        assert.equal(await layer('organisations').count(), 0)
        assert.equal(await page.locator('.picture-place .layer').count(), 2)
        await layer('machines').click()
        await page.locator('.picture-place .layer.machines').waitFor({ state: 'detached' })
        assert.equal(await page.locator('.picture-place .layer').count(), 1)
        await layer('machines').click()
        await page.locator('.picture-place .layer.machines').waitFor()
      },
      { fragment: fragmentOf(`${FORWARDED}machine m1: s\ncontract "terms": a -- s\n`) },
    ))

  test('drawn and on one line; both say the same', () =>
    inLab(async (page) => {
      await page.goto(`${base}#gallery=diagram-1`)
      await page.reload()
      const before = await blocks(page)
      await page.getByRole('button', { name: 'On one line' }).click()
      assert.equal((await textIn(page)).trim().split('\n').length, 3)
      assert.deepEqual(await blocks(page), before)
      await page.getByRole('button', { name: 'As a drawing' }).click()
      assert.ok((await textIn(page)).split('\n').length > 5)
      assert.deepEqual(await blocks(page), before)
    }))

  test('every format is saved as what it says', () =>
    inLab(
      async (page) => {
        const starts: Record<string, RegExp> = {
          SVG: /^<svg /,
          PNG: /^\x89PNG/,
          Description: /^Author@a ==>/,
          'Drawn text': /Author@a ==>/,
          Mermaid: /^flowchart LR/,
          D2: /^direction: right/,
          DOT: /^digraph mail/,
          JSON: /^\{\n {2}"source"/,
        }
        await page.getByRole('button', { name: 'Export' }).click()
        for (const [name, start] of Object.entries(starts)) {
          await page.locator('.choice', { has: page.getByText(name, { exact: true }) }).click()
          const [file] = await Promise.all([
            page.waitForEvent('download'),
            page.getByRole('button', { name: `Save ${name}` }).click(),
          ])
          const content = readFileSync(await file.path(), 'latin1')
          assert.match(content, start, name)
          if (name === 'PNG') assert.ok(content.length > 5000)
        }
      },
      { fragment: fragmentOf(FORWARDED) },
    ))

  test('by keyboard alone: write, mend, walk through the picture, read the tabs, choose from the gallery', () =>
    inLab(async (page) => {
      const active = () => page.evaluate(() => document.activeElement?.textContent?.trim() ?? '')
      const tabTo = async (name: string, back = false) => {
        for (let n = 0; n < 60; n++) {
          if ((await active()).startsWith(name)) return
          await page.keyboard.press(back ? 'Shift+Tab' : 'Tab')
        }
        assert.fail(`Tab never came to ${name}`)
      }
      const isWriting = () => page.evaluate(() => document.activeElement?.classList.contains('cm-content') ?? false)
      for (let n = 0; n < 30 && !(await isWriting()); n++) await page.keyboard.press('Tab')
      await page.keyboard.press('ControlOrMeta+a')
      await page.keyboard.insertText('Author => MSA/Transmitter --> / --> Receiver/MDA ==> Recipient')
      await page.locator('.squiggle-hint').waitFor()
      await page.keyboard.press('ControlOrMeta+Home')
      for (let n = 0; n < 'Author '.length; n++) await page.keyboard.press('ArrowRight')
      await page.keyboard.press('ControlOrMeta+.')
      assert.match(await textIn(page), /^Author ==> MSA/)
      await page.keyboard.press('Tab')
      assert.equal(await isWriting(), false)

      await tabTo('Author')
      await page.keyboard.press('ArrowRight')
      assert.match(await active(), /^MSA/)
      await page.keyboard.press('Enter')
      assert.equal(await isWriting(), true)
      assert.equal(await page.evaluate(() => getSelection()?.toString()), 'MSA/Transmitter')

      await page.keyboard.press('Tab')
      const tabs = page.getByRole('tab')
      const chosen = await tabs.filter({ has: page.locator(':scope[aria-selected=true]') }).count()
      assert.ok(chosen <= 1)
      await tabTo((await page.locator('[role=tab][aria-selected=true]').textContent())!)
      await page.keyboard.press('End')
      assert.equal(await page.locator('[role=tabpanel]:visible').count(), 1)
      await page.getByText('An email system with 2 users and 2 agents').last().waitFor()

      await tabTo('Gallery', true)
      await page.keyboard.press('Enter')
      await page.locator('dialog[open]').waitFor()
      await tabTo('Open relay')
      await page.keyboard.press('Enter')
      await page.locator('dialog').waitFor({ state: 'detached' })
      assert.match(await textIn(page), /^# An Open Relay/)
      assert.equal(await isWriting(), true)
    }))

  const turn = (page: Page, name: string, words: string) => page.getByLabel(name).selectOption({ label: words })

  test('what becomes of the mail: computed here, each cell opens with its steps', () =>
    inLab(
      async (page) => {
        const flow = page.getByRole('region', { name: 'Flow 1' })
        await flow.locator('.flow-end', { hasText: 'refused by' }).waitFor()
        const home = flow.locator('tbody tr', { hasText: 'recipient' }).first()
        const spf = home.getByRole('button', { name: 'fail' }).first()
        assert.equal(await spf.getAttribute('aria-expanded'), 'false')
        await spf.click()
        assert.equal(await spf.getAttribute('aria-expanded'), 'true')
        await flow.locator('.why', { hasText: 'May the machine that connects send' }).waitFor()
        await home.getByRole('button', { name: 'refuses it' }).click()
        assert.equal(await flow.locator('.why').count(), 1)
        assert.match((await flow.locator('.why').textContent())!, /p=reject|DMARC/)
      },
      { fragment: '#gallery=reject-without-dkim' },
    ))

  test('a switch marks the cells that change, and says what they were; turned back, nothing is marked', () =>
    inLab(
      async (page) => {
        const flow = page.getByRole('region', { name: 'Flow 1' })
        await flow.waitFor()
        assert.equal(await page.locator('.changed').count(), 0)
        await turn(page, 'Senders sign (DKIM)', 'on')
        await page.getByText(/^\d+ cells changed/).waitFor()
        const home = flow.locator('tbody tr', { hasText: 'recipient' }).first()
        const dkim = home.locator('td.changed').first()
        assert.equal((await dkim.textContent())!.replace(/\s+/g, ' ').trim(), 'none → pass')
        await dkim.getByRole('button').click()
        await flow.getByText('As written it is none; with the switches it is pass.').waitFor()
        await flow.locator('.why li', { hasText: /^DKIM/ }).first().waitFor()
        assert.match((await flow.locator('.flow-end').textContent())!, /refused.*inbox of/)
        await page.getByRole('button', { name: 'All as written' }).click()
        await page.locator('.changed').first().waitFor({ state: 'detached' })
        await flow.locator('.flow-end', { hasText: 'refused by' }).waitFor()
      },
      { fragment: '#gallery=reject-without-dkim' },
    ))

  test('a switch for one agent is turned for it alone, is listed, goes back alone, and is gone with the agent', () =>
    inLab(
      async (page) => {
        await page.getByRole('region', { name: 'Flow 2' }).waitFor()
        const list = page.getByRole('list', { name: 'Turned switches' })
        await page.getByLabel('For whom').selectOption('one')
        assert.equal(await page.getByLabel('Seals (ARC)').count(), 0)
        await turn(page, 'Signs (DKIM)', 'off')
        await page.getByText(/^\d+ cells? changed/).waitFor()
        assert.ok((await page.getByRole('region', { name: 'Flow 1' }).locator('td.changed').count()) > 0)
        assert.equal(await page.getByRole('region', { name: 'Flow 2' }).locator('td.changed').count(), 0)
        await page.getByLabel('For whom').selectOption('bob')
        await turn(page, 'Trusts Forwarders', 'none')
        assert.deepEqual(
          (await list.getByRole('listitem').allInnerTexts()).map((words) => words.replace(/\s*×$/, '')),
          ['one: Signs (DKIM): off', 'bob: Trusts Forwarders: none'],
        )
        await page.getByText('borderpost simulate FILE --what-if "one:dkim=no, bob:trust=no"').waitFor()
        await page.getByRole('button', { name: 'As written again: one: Signs (DKIM): off' }).click()
        assert.equal(await list.getByRole('listitem').count(), 1)
        await page.getByLabel('For whom').selectOption('everybody')
        assert.equal(await page.getByLabel('Senders sign (DKIM)').inputValue(), '')
        await write(page, 'Author@anna ==> MSA/Transmitter@one --> / --> Receiver/MDA@new ==> Recipient@carl\n')
        await list.waitFor({ state: 'detached' })
        await page.getByRole('region', { name: 'Flow 2' }).waitFor({ state: 'detached' })
        assert.equal(await page.locator('.refused').count(), 0)
      },
      {
        fragment: fragmentOf(
          'Author@anna ==> MSA/Transmitter@one --> / --> Receiver/MDA@new ==> Recipient@bob\n\nAuthor@dora ==> MSA/Transmitter@two --> / --> Receiver/MDA@new ==> Recipient@bob\n',
        ),
      },
    ))

  test('what cannot be run says why and where; mended, it runs', () =>
    inLab(
      async (page) => {
        const refusal = page.locator('.refused', { hasText: 'It cannot be run as it is' })
        await refusal.waitFor()
        await refusal
          .getByRole('button', { name: /^line / })
          .first()
          .click()
        await write(page, FORWARDED)
        await page.getByRole('region', { name: 'Flow 1' }).waitFor()
        assert.equal(await refusal.count(), 0)
        await page.getByText('What is not written was taken so').click()
        assert.ok((await page.locator('.assumed li').count()) > 0)
      },
      { fragment: fragmentOf(`${FORWARDED}new: ip=nowhere\n`) },
    ))

  test('run it: the real dialogue, gone through by keyboard, with the verdicts in the picture, to its end', () =>
    inLab(
      async (page) => {
        await page.getByRole('button', { name: 'Run it' }).click()
        await page.getByRole('button', { name: 'Pause' }).click()
        const slider = page.getByRole('slider', { name: 'Step' })
        await slider.focus()
        await page.keyboard.press('Home')
        assert.match((await page.locator('div.moment').textContent())!, /220 /)
        await page.getByRole('button', { name: 'Step on' }).focus()
        await page.keyboard.press('Enter')
        assert.match((await page.locator('div.moment').textContent())!, /EHLO/)
        assert.equal(await page.locator('.picture-place .speaks').getAttribute('data-block'), 'author-anna')
        assert.equal(await page.locator('.picture-place .word').count(), 1)
        const heads = await page.locator('.dialogue h3').allTextContents()
        assert.ok(
          heads[0]!.includes('anna@sender.test’s computer') && heads.some((head) => /old.*recipient/.test(head)),
          heads.join(),
        )
        await page
          .locator('.said', { hasText: /^client: \(the message/ })
          .last()
          .click()
        assert.equal(await page.locator('.picture-place .letter').count(), 1)
        await slider.focus()
        await page.keyboard.press('End')
        assert.equal(await page.locator('.picture-place .found').count(), 2)
        assert.ok((await page.locator('.picture-place .found rect.bad').count()) > 0)
        await page.locator('div.moment', { hasText: 'The letter was refused by recipient' }).waitFor()
        const shown = page.locator('.said.now')
        await shown.waitFor()
        const [line, list] = [(await shown.boundingBox())!, (await page.locator('.dialogue').boundingBox())!]
        assert.ok(
          line.y >= list.y && line.y + line.height <= list.y + list.height + 1,
          'the line of this moment is in sight',
        )

        await page.getByLabel('Which flow').selectOption({ index: 1 })
        await page.getByRole('button', { name: 'Pause' }).click()
        await slider.focus()
        await page.keyboard.press('End')
        await page.locator('div.moment', { hasText: 'The letter lies in the inbox' }).waitFor()

        await page.locator('.cm-content').click()
        await page.keyboard.press('ControlOrMeta+End')
        await page.keyboard.insertText('sender: dkim=yes\n')
        await page.getByRole('button', { name: 'Run it again' }).click()
        await page.getByRole('button', { name: 'Pause' }).waitFor()
      },
      { fragment: '#gallery=reject-without-dkim' },
    ))

  test('a day of mail: what became of what kind, where and why; the same numbers each time', () =>
    inLab(
      async (page) => {
        await page.getByRole('tab', { name: 'A day of mail' }).click()
        await page.getByLabel('Messages').selectOption('100')
        const day = async () => {
          await page.getByRole('button', { name: 'Let a day pass' }).click()
          // As soon as it is pressed "A day passes." stands there.
          await page.locator('.day [role=status]', { hasText: 'The day is over.' }).waitFor({ timeout: 120_000 })
          return (await page.locator('.day').textContent())!
        }
        await page.locator('.day').waitFor()
        const first = await day()
        const rows = await page.locator('.outcomes tbody tr').allInnerTexts()
        assert.equal(rows.length, 4)
        assert.equal(
          rows.reduce((sum, row) => sum + Number(/\t(\d+)\t/.exec(row)![1]), 0),
          100,
        )
        assert.match(rows[0]!, /honest people\t\d+\t.*(came back|refused) \d+/s)
        assert.match(first, /550 5\.7\.26 neither SPF nor DKIM proves/)
        assert.equal(await day(), first)
        await axe(page, 'a day')
        await page.locator('.cm-content').click()
        await page.keyboard.insertText('# changed\n')
        await page.getByText('The description or a switch has changed since.').waitFor()
      },
      { fragment: '#gallery=reject-without-dkim' },
    ))

  test('a day that is stopped tells what was until then, by keyboard, and another may pass', () =>
    inLab(
      async (page) => {
        await page.getByRole('tab', { name: 'A day of mail' }).click()
        await page.getByLabel('Messages').selectOption('10000')
        await page.getByRole('button', { name: 'Let a day pass' }).focus()
        await page.keyboard.press('Enter')
        await page.getByText(/^It is \d+:\d\d \([1-9]\d* % of the day\)$/).waitFor({ timeout: 60_000 })
        assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Stop')
        await page.keyboard.press('Enter')
        await page.getByText(/^Stopped at \d+:\d\d/).waitFor({ timeout: 60_000 })
        const [, sent] = /after ([\d,]+) of 10,000 messages/.exec((await page.locator('.day-stopped').textContent())!)!
        const rows = await page.locator('.outcomes tbody tr').allInnerTexts()
        assert.equal(
          rows.reduce((sum, row) => sum + Number(/\t([\d,]+)\t/.exec(row)![1]!.replace(',', '')), 0),
          Number(sent!.replace(',', '')),
        )
        assert.equal(await page.locator('.passing').count(), 0)
        await axe(page, 'a day that was stopped')
        await page.getByLabel('Messages').selectOption('100')
        await page.keyboard.press('Tab')
        await page.getByRole('button', { name: 'Let a day pass' }).click()
        await page.locator('.day-stopped').waitFor({ state: 'detached', timeout: 120_000 })
      },
      { fragment: '#gallery=srs-forwarder' },
    ))

  test('it plays by itself; who wants no motion gets none', async () => {
    for (const motion of ['no-preference', 'reduce'] as const)
      await inLab(
        async (page) => {
          await page.emulateMedia({ reducedMotion: motion })
          await page.getByRole('button', { name: 'Run it' }).click()
          await page.getByLabel('Speed').selectOption('0.5')
          const word = page.locator('.picture-place .word')
          await word.waitFor()
          const places = await word.evaluate(async (dot) => {
            const seen = new Set<string | null>()
            for (let n = 0; n < 8 && dot.isConnected; n++) {
              seen.add(dot.getAttribute('transform'))
              await new Promise((next) => requestAnimationFrame(next))
            }
            return seen.size
          })
          if (motion === 'reduce') assert.equal(places, 1)
          else assert.ok(places > 1)
          await page.locator('.said.now', { hasText: 'EHLO' }).waitFor()
        },
        { fragment: fragmentOf(FORWARDED) },
      )
  })

  for (const scheme of ['light', 'dark'] as const)
    test(`axe finds nothing, ${scheme}: each tab, each dialog, findings, completion, on a phone too`, async () => {
      for (const width of [1400, 390])
        await inLab(
          async (page) => {
            await page.locator('.finding').first().waitFor()
            await page.getByRole('region', { name: 'Flow 1' }).waitFor()
            await page.getByRole('button', { name: 'pass' }).first().click()
            await turn(page, 'Forwarders rewrite (SRS)', 'off')
            await page.locator('.changed').first().waitFor()
            await axe(page, `${width} what if`)
            await page.getByRole('button', { name: 'Run it' }).click()
            await page.getByRole('button', { name: 'Pause' }).click()
            await page.locator('.said', { hasText: 'SPF' }).first().click()
            for (const tab of await page.getByRole('tab').all()) {
              await tab.click()
              await axe(page, `${width} ${await tab.textContent()}`)
            }
            const [wide, room] = await page.evaluate(() => [
              document.documentElement.scrollWidth,
              document.documentElement.clientWidth,
            ])
            assert.equal(wide, room, 'nothing is wider than the window')
            for (const name of ['Gallery', 'Share', 'Export']) {
              await page.getByRole('button', { name }).click()
              await page.locator('dialog[open]').waitFor()
              await axe(page, `${width} ${name}`)
              await page.keyboard.press('Escape')
              await page.locator('dialog').waitFor({ state: 'detached' })
            }
            await write(page, 'Author = > MDA\nAuthor ==> M')
            await page.locator('.finding.error').first().waitFor()
            await page.locator('.cm-content').press('Control+Space')
            await page.locator('.cm-tooltip-autocomplete').waitFor()
            await axe(page, `${width} completion`)
          },
          { fragment: fragmentOf(`${FORWARDED}x: y=1\n`), scheme, width },
        )
    })
})
