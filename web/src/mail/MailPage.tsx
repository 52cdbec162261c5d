// The webmail: signed out, a form; signed in, folders, list and conversation.

import { createResource, createSignal, ErrorBoundary, onCleanup, onMount, Show } from 'solid-js'
import '../style/mail.css'
import '../style/compose.css'
import '../style/reader.css'
import { type Me, request } from '../api.ts'
import { Icon, Logo } from '../parts/icons.tsx'
import { Compose } from './Compose.tsx'
import { draftFromMailto, newDraft } from './draft.ts'
import { forwardingQuestion } from './Forwarding.tsx'
import { Help } from './Help.tsx'
import { listenToKeys } from './keys.ts'
import { MessageList } from './MessageList.tsx'
import { OutgoingBanner } from './Outgoing.tsx'
import { Reader } from './Reader.tsx'
import { Settings } from './Settings.tsx'
import { Sidebar } from './Sidebar.tsx'
import { SignIn } from './SignIn.tsx'
import { createMail } from './state.ts'

export function MailPage() {
  document.title = 'Mail · Borderpost'
  const [me, { mutate }] = createResource<Me | null>(() => request<Me>('GET', '/api/me').catch(() => null))
  return (
    <Show when={me.state === 'ready'} fallback={<main class="waiting" aria-busy="true" />}>
      <Show when={me()} fallback={<SignIn onDone={(person) => mutate(person)} />}>
        {(person) => <Desk me={person()} onSignOut={() => mutate(null)} />}
      </Show>
    </Show>
  )
}

function Desk(props: { me: Me; onSignOut: () => void }) {
  const mail = createMail(props.me)
  const [isSettings, setIsSettings] = createSignal(false)
  const [isHelp, setIsHelp] = createSignal(false)
  const [isMenu, setIsMenu] = createSignal(false)
  const [search, setSearch] = createSignal('')
  const [asks, setAsks] = createSignal('')
  let searchBox!: HTMLInputElement

  const compose = (): void => {
    mail.compose(newDraft(mail.identities()[0]))
  }

  onMount(async () => {
    try {
      await mail.start()
    } catch (error) {
      mail.fail(error as Error)
    }
    setAsks(await forwardingQuestion())
    const link = new URLSearchParams(location.search).get('mailto')
    if (link !== null) {
      mail.compose(draftFromMailto(link, mail.identities()[0]))
      history.replaceState(null, '', `/mail${location.hash}`)
    }
  })
  onCleanup(listenToKeys(mail, { compose, search: () => searchBox.focus(), help: () => setIsHelp(true) }))

  async function signOut(): Promise<void> {
    await request('POST', '/api/sign-out').catch(() => undefined)
    history.replaceState(null, '', '/mail')
    props.onSignOut()
  }

  return (
    <div class="mail" data-pane={mail.openThread() ? 'reader' : 'list'} data-menu={isMenu() ? '' : undefined}>
      <a class="skip" href="#list">
        Skip to the messages
      </a>
      <header class="mail-head">
        <button
          type="button"
          class="icon-button menu-button"
          aria-label="Folders"
          aria-expanded={isMenu()}
          onClick={() => setIsMenu(!isMenu())}
        >
          <Icon name="menu" />
        </button>
        <a class="brand" href="/">
          <Logo /> <span>Borderpost</span>
        </a>
        <search class="search">
          <form
            onSubmit={(event) => {
              event.preventDefault()
              if (search().trim() !== '') mail.show({ search: search().trim() })
            }}
          >
            <Icon name="search" />
            <input
              ref={searchBox}
              type="search"
              aria-label="Search mail"
              placeholder="Search mail, or from:anna is:unread has:attachment"
              value={search()}
              onInput={(event) => setSearch(event.currentTarget.value)}
              onKeyDown={(event) => {
                if (event.key === 'Escape') event.currentTarget.blur()
              }}
            />
          </form>
        </search>
        <div class="head-end">
          <span class="whoami" title={props.me.address}>
            {props.me.address}
          </span>
          <button type="button" class="icon-button" aria-label="Settings" onClick={() => setIsSettings(true)}>
            <Icon name="settings" />
          </button>
          <button type="button" class="icon-button" aria-label="Sign out" onClick={signOut}>
            <Icon name="out" />
          </button>
        </div>
      </header>
      <Sidebar mail={mail} onCompose={compose} onPick={() => setIsMenu(false)} onHelp={() => setIsHelp(true)} />
      <button
        type="button"
        class="shade"
        aria-label="Close the folders"
        tabindex={-1}
        onClick={() => setIsMenu(false)}
      />
      <MessageList mail={mail} />
      <main class="reader-pane" aria-label="Conversation">
        <OutgoingBanner onSettings={() => setIsSettings(true)} />
        <Show when={asks()}>
          <p class="asks" role="status">
            <span>{asks()}</span>
            <button
              type="button"
              onClick={() => {
                setAsks('')
                setIsSettings(true)
              }}
            >
              Answer
            </button>
            <button type="button" onClick={() => setAsks('')}>
              Later
            </button>
          </p>
        </Show>
        <ErrorBoundary fallback={(error) => <p class="error">{String(error)}</p>}>
          <Show when={mail.openThread()} keyed fallback={<Nothing />}>
            {(_id) => <Reader mail={mail} />}
          </Show>
        </ErrorBoundary>
      </main>
      <Show when={mail.composing()} keyed>
        {(draft) => <Compose mail={mail} draft={draft} />}
      </Show>
      <Show when={isSettings()}>
        <Settings mail={mail} onClose={() => setIsSettings(false)} />
      </Show>
      <Show when={isHelp()}>
        <Help onClose={() => setIsHelp(false)} />
      </Show>
      <div class="toast-place" role="status" aria-live="polite">
        <Show when={mail.toast()}>
          {(toast) => (
            <div class="toast">
              <span>{toast().text}</span>
              <Show when={toast().undo}>
                {(undo) => (
                  <button
                    type="button"
                    onClick={() => {
                      mail.dismissToast()
                      void undo()()
                    }}
                  >
                    Undo
                  </button>
                )}
              </Show>
            </div>
          )}
        </Show>
      </div>
    </div>
  )
}

function Nothing() {
  return (
    <div class="nothing">
      <Logo />
      <p>Choose a message to read it here.</p>
      <p class="quiet">
        Press <kbd>?</kbd> for the keys.
      </p>
    </div>
  )
}
