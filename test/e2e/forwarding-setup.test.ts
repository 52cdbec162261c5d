// Forwarding set up by the Recipient in a real browser: at the old place, at the new one, and noticed without being asked.

import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Browser, chromium, type Page } from 'playwright-core'
import { build } from 'vite'
import { type Demo, endDemos, startDemo, temporaryFolder } from './demo.ts'

const CHROMIUM = '/usr/bin/chromium'
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-background-networking']
const WEB = new URL('../../web', import.meta.url).pathname
const skip = existsSync(CHROMIUM) ? false : `no browser at ${CHROMIUM}`

const TWO_PLACES = `
Author@anna ==> MSA/Transmitter@sender --> / --> Receiver/Forwarder/MDA@old ~~> Receiver/MDA@new ==> Recipient@bob

--> / --> Receiver/Forwarder/MDA@old ==> Recipient@oldbob

Author@bob ==> MSA/Transmitter@new --> / --> Receiver/MDA@sender ==> Recipient@anna

sender: domain=sender.test, ip=127.0.10.1
new:    domain=new.test, ip=127.0.20.1
old:    domain=old.test, ip=127.0.30.1, forward="robert@old.test -> bob@new.test"
anna:   address=anna@sender.test, name=Anna, password=demo
bob:    address=bob@new.test, name=Bob, password=demo
oldbob: address=bob@old.test, name=Bob, password=demo
`

describe('forwarding in the settings', { skip }, () => {
  let demo: Demo
  let browser: Browser

  before(async () => {
    await build({ root: WEB, logLevel: 'silent' })
    const file = join(temporaryFolder(), 'two-places.borderpost')
    writeFileSync(file, TWO_PLACES)
    demo = await startDemo({ file })
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
  })
  after(async () => {
    await browser?.close()
    await endDemos()
  })

  async function signedIn(address: string): Promise<Page> {
    const page = await (await browser.newContext({ locale: 'en-GB' })).newPage()
    page.setDefaultTimeout(60_000)
    await page.goto(`${demo.ready.web}/mail`)
    await page.fill('#address', address)
    await page.fill('#password', 'demo')
    await page.click('button[type=submit]')
    await page.waitForSelector('.sidebar')
    return page
  }

  async function openSettings(page: Page) {
    await page.getByLabel('Settings').click()
    return page.locator('#forwarding')
  }

  async function write(page: Page, to: string, subject: string): Promise<void> {
    await page.keyboard.press('c')
    await page.fill('#to', to)
    await page.fill('#subject', subject)
    await page.getByRole('button', { name: 'Send', exact: true }).click()
    await page.waitForSelector('.compose', { state: 'detached' })
  }

  /** Waits until the new place has a message with this subject. */
  async function demoHasDelivered(subject: string): Promise<void> {
    const page = await signedIn('bob@new.test')
    await page.locator('.row-view', { hasText: subject }).waitFor()
    await page.close()
  }

  test('asked at the old place, accepted with one click at the new one; then mail comes, and the probe has reported', async () => {
    const old = await signedIn('bob@old.test')
    const there = await openSettings(old)
    await there.getByLabel('Forward my mail to').fill('bob@new.test')
    await there.getByRole('button', { name: 'Send a verification message' }).click()
    await there.getByText('waits for its code').waitFor()
    await there.getByLabel('Code from the message').fill('wrong')
    await there.getByRole('button', { name: 'Confirm' }).click()
    await there.getByText('That is not the code.').waitFor()

    await demoHasDelivered('May mail for bob@old.test')
    const fresh = await signedIn('bob@new.test')
    await fresh.getByText('old.test asks to forward mail for bob@old.test to you. Is that you?').waitFor()
    await fresh.getByRole('button', { name: 'Answer' }).click()
    const here = fresh.locator('#forwarding')
    await here.getByRole('button', { name: 'Yes, forward it to me' }).click()
    await fresh.locator('#trusted').getByText('forwards bob@old.test').waitFor()
    await fresh.keyboard.press('Escape')
    await fresh.locator('.row-view', { hasText: 'Mail for bob@old.test comes here now' }).waitFor()

    await old.evaluate(async () => {
      while (!(await (await fetch('/api/forwarding')).text()).includes('"told":{'))
        await new Promise((resolve) => setTimeout(resolve, 100))
    })
    await old.reload()
    await old.waitForSelector('.sidebar')
    const after = await openSettings(old)
    await after.getByText('mail.new.test saw of the probe: SPF pass, DKIM pass, ARC pass').waitFor()
    await after.getByText('Tell your new provider').click()
    await after.getByText('ARC: sealed with d=old.test').waitFor()

    await write(await signedIn('anna@sender.test'), 'bob@old.test', 'To the old place')
    await fresh.locator('.row-view', { hasText: 'To the old place' }).waitFor()
  })

  test('noticed without being asked, and trusted with one click', async () => {
    const anna = await signedIn('anna@sender.test')
    for (const subject of ['First to Robert', 'Second to Robert']) await write(anna, 'robert@old.test', subject)
    const fresh = await signedIn('bob@new.test')
    // Which comes first is not said: two connections may carry them.
    for (const which of ['First', 'Second'])
      await fresh.locator('.row-view', { hasText: `${which} to Robert` }).waitFor()
    const trusted = fresh.locator('#trusted')
    const here = await openSettings(fresh)
    await trusted.locator('li').first().waitFor()
    // The first test may have said whose it is: then it is not asked again.
    if ((await trusted.getByText('old.test', { exact: true }).count()) > 0) {
      await fresh.getByLabel('Trust old.test no longer').click()
      await fresh.locator('#trusted').getByText('None yet.').waitFor()
      await fresh.reload()
      await fresh.waitForSelector('.sidebar')
      await openSettings(fresh)
    }
    await here.getByText(/\d messages this week came through old\.test/).waitFor()
    await here.getByRole('button', { name: 'Yes, trust old.test' }).click()
    await trusted.getByText(/forwards \w+@old\.test/).waitFor()
    assert.equal(await here.getByText('messages this week').count(), 0)
  })
})
