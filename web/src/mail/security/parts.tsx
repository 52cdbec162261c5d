// What the parts of the security settings share: how things stand, as `/api/security` tells it, and how they are changed.

import { For, type JSX } from 'solid-js'
import type { SecurityView } from '../../../../src/roles/security-desk.ts'
import type { BrowserSession } from '../../../../src/web/cookies.ts'
import { Icon } from '../../parts/icons.tsx'

export interface Security extends SecurityView {
  readonly browsers: readonly BrowserSession[]
}

/** What an answer shows once. */
export interface Once {
  readonly secret?: string
  readonly uri?: string
  readonly codes?: readonly string[]
  readonly passkey?: PublicKeyCredentialCreationOptionsJSON
}

export type Act = (wish: object) => Promise<Once>

/** What people call the doors. */
export const DOOR_NAMES: Readonly<Record<string, string>> = {
  imap: 'read mail (IMAP)',
  pop3: 'fetch mail (POP3)',
  smtp: 'send mail (SMTP)',
  jmap: 'JMAP',
  managesieve: 'filters (ManageSieve)',
}

export const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' })
export const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })

export const lastUse = (use: { readonly atMs: number; readonly from: string } | null): string =>
  use === null ? 'never used' : `last used ${moment.format(use.atMs)} from ${use.from}`

/** What may be used to sign in, or was let in: its name, more about it (`children`), and a button that takes it away. */
export function Entry(props: { name: string; takeAway: string; onTakeAway: () => void; children: JSX.Element }) {
  return (
    <li>
      <span>
        <strong>{props.name}</strong>
        <span class="quiet"> {props.children}</span>
      </span>
      <TakeAway what={props.takeAway} onClick={props.onTakeAway} />
    </li>
  )
}

export function TakeAway(props: { what: string; onClick: () => void }) {
  return (
    <button type="button" class="icon-button small" aria-label={props.what} onClick={() => props.onClick()}>
      <Icon name="close" />
    </button>
  )
}

/** Which doors it shall open. */
export function Doors(props: { doors: readonly string[]; usual: ReadonlySet<string> }) {
  return (
    <fieldset class="doors">
      <legend>It may</legend>
      <For each={props.doors}>
        {(door) => (
          <label class="check">
            <input type="checkbox" name="door" value={door} checked={props.usual.has(door)} />
            {DOOR_NAMES[door] ?? door}
          </label>
        )}
      </For>
    </fieldset>
  )
}

/** Asked again for whatever could outlast a browser that somebody else sat down at. */
export function OwnPassword() {
  return (
    <label>
      Your own password
      <input name="password" type="password" required autocomplete="current-password" maxlength={1000} />
    </label>
  )
}
