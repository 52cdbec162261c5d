// Keeping the account safe: app passwords for mail programs, a second factor, the password itself.

import { createResource, createSignal, For, Show } from 'solid-js'
import { request } from '../api.ts'
import { Icon } from '../parts/icons.tsx'
import { qrCode } from './qr.ts'

interface AppPassword {
  readonly id: number
  readonly name: string
  readonly doors: readonly string[]
  readonly createdAtMs: number
  readonly lastUse: { readonly atMs: number; readonly from: string; readonly door: string } | null
}

interface Security {
  readonly doors: readonly string[]
  readonly passwords: readonly AppPassword[]
  readonly secondFactor: { readonly isOn: boolean; readonly codesLeft: number }
  readonly connections: readonly {
    readonly id: number
    readonly door: string
    readonly from: string
    readonly sinceMs: number
    readonly name: string | null
  }[]
  readonly browsers: readonly {
    readonly id: number
    readonly program: string
    readonly from: string
    readonly sinceMs: number
    readonly usedMs: number
    readonly isThis: boolean
  }[]
}

/** What people call the doors. */
const DOOR_NAMES: Readonly<Record<string, string>> = {
  imap: 'read mail (IMAP)',
  pop3: 'fetch mail (POP3)',
  smtp: 'send mail (SMTP)',
  jmap: 'JMAP',
  managesieve: 'filters (ManageSieve)',
}
const USUAL: ReadonlySet<string> = new Set(['imap', 'smtp'])
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' })
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })

export function SecuritySettings() {
  const [security, { mutate }] = createResource(() => request<Security>('GET', '/api/security').catch(() => undefined))
  const act = async (wish: object) => {
    const answer = await request<Security & Once>('POST', '/api/security', wish)
    mutate(answer)
    return answer
  }
  return (
    <Show when={security()}>
      {(shown) => (
        <>
          <AppPasswords security={shown()} act={act} />
          <TwoFactors security={shown()} act={act} />
          <Sessions security={shown()} act={act} />
          <ChangePassword act={act} />
        </>
      )}
    </Show>
  )
}

/** What an answer shows once. */
interface Once {
  readonly secret?: string
  readonly uri?: string
  readonly codes?: readonly string[]
}

type Act = (wish: object) => Promise<Once>

function AppPasswords(props: { security: Security; act: Act }) {
  const [fresh, setFresh] = createSignal<{ name: string; secret: string }>()
  const [error, setError] = createSignal('')

  async function make(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const form = event.currentTarget as HTMLFormElement
    const data = new FormData(form)
    const name = String(data.get('name'))
    setError('')
    try {
      const wish = { action: 'make', name, doors: data.getAll('door'), password: String(data.get('password')) }
      const { secret } = await props.act(wish)
      setFresh({ name, secret: secret ?? '' })
      // What it may do stays ticked for the next one.
      for (const field of ['name', 'password']) (form.elements.namedItem(field) as HTMLInputElement).value = ''
    } catch (failure) {
      setError((failure as Error).message)
    }
  }

  async function revoke(id: number): Promise<void> {
    setError('')
    try {
      await props.act({ action: 'revoke', id })
    } catch (failure) {
      setError((failure as Error).message)
    }
  }

  return (
    <section class="setting" id="app-passwords">
      <h3>App passwords</h3>
      <p class="quiet">
        A password for one mail program, good for what you name and nothing else. Lose the telephone, and you revoke its
        password alone.
      </p>
      <ul class="trusted">
        <For each={props.security.passwords} fallback={<li class="quiet">None yet.</li>}>
          {(password) => (
            <li>
              <span>
                <strong>{password.name}</strong>
                <span class="quiet">
                  {' '}
                  {password.doors.map((door) => DOOR_NAMES[door] ?? door).join(', ')}
                  <br />
                  made {day.format(password.createdAtMs)};{' '}
                  {password.lastUse === null
                    ? 'never used'
                    : `last used ${moment.format(password.lastUse.atMs)} from ${password.lastUse.from}`}
                </span>
              </span>
              <button
                type="button"
                class="icon-button small"
                aria-label={`Revoke the password of ${password.name}`}
                onClick={() => void revoke(password.id)}
              >
                <Icon name="close" />
              </button>
            </li>
          )}
        </For>
      </ul>
      <Show when={fresh()}>
        {(shown) => (
          <div class="fresh-secret" role="status">
            <p>
              The password for {shown().name}. It is shown now and never again; type it, or copy it, into the program.
            </p>
            <p class="row">
              <code>{shown().secret}</code>
              <button type="button" onClick={() => void navigator.clipboard.writeText(shown().secret)}>
                Copy
              </button>
              <button type="button" onClick={() => setFresh(undefined)}>
                Done
              </button>
            </p>
          </div>
        )}
      </Show>
      <form class="identity" onSubmit={(event) => void make(event)}>
        <label>
          Program
          <input name="name" required maxlength={100} placeholder="Mail on my telephone" />
        </label>
        <fieldset class="doors">
          <legend>It may</legend>
          <For each={props.security.doors}>
            {(door) => (
              <label class="check">
                <input type="checkbox" name="door" value={door} checked={USUAL.has(door)} />
                {DOOR_NAMES[door] ?? door}
              </label>
            )}
          </For>
        </fieldset>
        <label>
          Your own password
          <input name="password" type="password" required autocomplete="current-password" maxlength={1000} />
        </label>
        <button type="submit">Make an app password</button>
      </form>
      <p class="error" role="alert">
        {error()}
      </p>
    </section>
  )
}

function TwoFactors(props: { security: Security; act: Act }) {
  const [enrolling, setEnrolling] = createSignal<{ secret: string; uri: string }>()
  const [codes, setCodes] = createSignal<readonly string[]>()
  const [error, setError] = createSignal('')

  async function act(event: SubmitEvent, action: string): Promise<void> {
    event.preventDefault()
    const data = new FormData(event.currentTarget as HTMLFormElement)
    setError('')
    try {
      const answer = await props.act({ action, password: data.get('password') ?? '', code: data.get('code') ?? '' })
      if (action === 'enrol') setEnrolling({ secret: answer.secret ?? '', uri: answer.uri ?? '' })
      else setEnrolling(undefined)
      setCodes(answer.codes)
    } catch (failure) {
      setError((failure as Error).message)
    }
  }

  return (
    <section class="setting" id="second-factor">
      <h3>Code from your telephone</h3>
      <p class="quiet">
        Signing in here then takes a code, too, that an app on your telephone shows. Mail programs cannot ask for one:
        while it is on, each needs an app password.
      </p>
      <Show when={!props.security.secondFactor.isOn && enrolling() === undefined}>
        <form class="identity" onSubmit={(event) => void act(event, 'enrol')}>
          <label>
            Your own password
            <input name="password" type="password" required autocomplete="current-password" maxlength={1000} />
          </label>
          <button type="submit">Set it up</button>
        </form>
      </Show>
      <Show when={enrolling()}>
        {(shown) => (
          <form class="identity" onSubmit={(event) => void act(event, 'confirm')}>
            <p>Photograph this with the app, or type the letters below it.</p>
            <QrPicture text={shown().uri} />
            <code class="fresh-secret">{shown().secret.replace(/(.{4})(?=.)/g, '$1 ')}</code>
            <label>
              The code that it shows now
              <input name="code" required inputmode="numeric" autocomplete="one-time-code" maxlength={10} />
            </label>
            <button type="submit">Turn it on</button>
          </form>
        )}
      </Show>
      <Show when={codes()}>
        {(shown) => (
          <div class="fresh-secret" role="status">
            <p>It is on. Keep these recovery codes on paper: each is good once, should the telephone be lost.</p>
            <ul class="recovery-codes">
              <For each={shown()}>
                {(code) => (
                  <li>
                    <code>{code}</code>
                  </li>
                )}
              </For>
            </ul>
          </div>
        )}
      </Show>
      <Show when={props.security.secondFactor.isOn}>
        <p>
          It is on; {props.security.secondFactor.codesLeft} recovery{' '}
          {props.security.secondFactor.codesLeft === 1 ? 'code is' : 'codes are'} left.
        </p>
        <form class="identity" onSubmit={(event) => void act(event, 'turn-off')}>
          <label>
            Your own password
            <input name="password" type="password" required autocomplete="current-password" maxlength={1000} />
          </label>
          <label>
            A code
            <input name="code" required autocomplete="one-time-code" maxlength={40} />
          </label>
          <button type="submit">Turn it off</button>
        </form>
      </Show>
      <p class="error" role="alert">
        {error()}
      </p>
    </section>
  )
}

/** What a browser calls itself, in a word or two. */
function programName(program: string): string {
  const browser = /(Firefox|Edg|OPR|Chrome|Safari)\//.exec(program)?.[1]
  const system = /(Windows|Android|iPhone|iPad|Mac OS X|Linux)/.exec(program)?.[1]
  const known: Readonly<Record<string, string>> = { Edg: 'Edge', OPR: 'Opera', 'Mac OS X': 'macOS' }
  const words = [browser, system].flatMap((word) => (word === undefined ? [] : [known[word] ?? word]))
  return words.length > 0 ? words.join(' on ') : program.slice(0, 60) || 'A browser'
}

function Sessions(props: { security: Security; act: Act }) {
  const [error, setError] = createSignal('')

  async function end(action: string, id: number): Promise<void> {
    setError('')
    try {
      await props.act({ action, id })
    } catch (failure) {
      setError((failure as Error).message)
    }
  }

  return (
    <section class="setting" id="sessions">
      <h3>Where you are signed in</h3>
      <ul class="trusted">
        <For each={props.security.browsers}>
          {(browser) => (
            <li>
              <span>
                <strong>{programName(browser.program)}</strong>
                <span class="quiet">
                  {browser.isThis ? ' this browser' : ''}
                  <br />
                  from {browser.from} since {moment.format(browser.sinceMs)}; last seen {moment.format(browser.usedMs)}
                </span>
              </span>
              <Show when={!browser.isThis}>
                <button type="button" onClick={() => void end('end-browser', browser.id)}>
                  Sign out
                </button>
              </Show>
            </li>
          )}
        </For>
        <For each={props.security.connections}>
          {(connection) => (
            <li>
              <span>
                <strong>{connection.name ?? 'A mail program'}</strong>
                <span class="quiet">
                  {' '}
                  {DOOR_NAMES[connection.door] ?? connection.door}
                  {connection.name === null ? ', with your password' : ''}
                  <br />
                  connected now, from {connection.from} since {moment.format(connection.sinceMs)}
                </span>
              </span>
              <button type="button" onClick={() => void end('end-connection', connection.id)}>
                Disconnect
              </button>
            </li>
          )}
        </For>
      </ul>
      <p class="quiet">
        A program that is disconnected may come again. Revoke its app password, or change your password, to keep it out.
      </p>
      <p class="error" role="alert">
        {error()}
      </p>
    </section>
  )
}

/** Dark on white whatever the theme: cameras want it so. */
function QrPicture(props: { text: string }) {
  const rows = () => qrCode(props.text) ?? []
  const path = () =>
    rows()
      .flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x + 4} ${y + 4}h1v1h-1z` : '')))
      .join('')
  return (
    <svg class="qr" viewBox={`0 0 ${rows().length + 8} ${rows().length + 8}`} role="img" aria-label="QR code">
      <rect width="100%" height="100%" fill="#fff" />
      <path d={path()} fill="#000" shape-rendering="crispEdges" />
    </svg>
  )
}

function ChangePassword(props: { act: Act }) {
  const [status, setStatus] = createSignal('')
  const [error, setError] = createSignal('')

  async function change(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const form = event.currentTarget as HTMLFormElement
    const data = new FormData(form)
    setStatus('')
    setError('')
    if (data.get('next') !== data.get('again')) {
      setError('The two new passwords are not the same.')
      return
    }
    try {
      await props.act({ action: 'change-password', password: data.get('password'), next: data.get('next') })
      form.reset()
      setStatus('Changed. Other browsers must sign in again.')
    } catch (failure) {
      setError((failure as Error).message)
    }
  }

  return (
    <section class="setting" id="change-password">
      <h3>Password</h3>
      <form class="identity" onSubmit={(event) => void change(event)}>
        <label>
          The password you have
          <input name="password" type="password" required autocomplete="current-password" maxlength={1000} />
        </label>
        <label>
          A new one
          <input name="next" type="password" required minlength={8} autocomplete="new-password" maxlength={1000} />
        </label>
        <label>
          Once more
          <input name="again" type="password" required autocomplete="new-password" maxlength={1000} />
        </label>
        <button type="submit">Change it</button>
      </form>
      <p class="quiet" role="status">
        {status()}
      </p>
      <p class="error" role="alert">
        {error()}
      </p>
    </section>
  )
}
