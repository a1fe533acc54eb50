// The page's own end of Direct Line 3.0, and Web Chat on top of it.
//
// Web Chat brings a client of Direct Line of its own. It waits up to 15 s before it connects again, says nothing while
// it is cut off, and gives an upload 20 s: this one does not.
(() => {
  'use strict';

  const CONNECTING = 1;
  const ONLINE = 2;
  const GRACE = 700; // ms without a stream, before the person is told
  const LONGEST_PAUSE = 5000;
  const PATIENCE = 50 * 1000; // ms that a message waits for a connection, before the person is told that it did not go
  const POLL = 1000;
  const SHORT = 1000; // ms: a socket that lived no longer is of no use
  const SILENT = 50 * 1000; // ms: the server says something every 20 s
  const REFRESH = 10 * 60 * 1000;
  const REMEMBERED = 'everpilot.conversation';
  const BASE = '/directline';
  const LARGEST = Number(document.body.dataset.largest);

  const sleep = ms => new Promise(done => setTimeout(done, ms));

  // The least of an Observable that Web Chat subscribes to.
  class Source {
    constructor(value) {
      this.observers = new Set();
      this.value = value;
    }

    subscribe(observer) {
      const next = typeof observer === 'function' ? observer : value => observer.next && observer.next(value);
      this.observers.add(next);
      if (this.value !== undefined) next(this.value);
      return { unsubscribe: () => this.observers.delete(next) };
    }

    next(value) {
      if (this.value !== undefined) this.value = value;
      for (const observer of [...this.observers]) observer(value);
    }
  }

  class Refused extends Error {
    constructor(status, words) {
      super(words);
      this.status = status;
    }
  }

  async function ask(path, { token, ...options } = {}) {
    const headers = { ...(token ? { Authorization: `Bearer ${token}` } : {}), ...options.headers };
    const response = await fetch(BASE + path, { ...options, headers, credentials: 'same-origin' });
    const body = await response.json().catch(() => ({}));
    if (!response.ok) throw new Refused(response.status, (body.error && body.error.message) || `HTTP ${response.status}`);
    return { status: response.status, body };
  }

  const json = value => ({
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(value)
  });

  class Line {
    constructor(said) {
      this.connectionStatus$ = new Source(CONNECTING);
      this.activity$ = new Source();
      this.said = said;
      this.conversation = localStorage.getItem(REMEMBERED) || '';
      this.token = '';
      this.watermark = 0;
      this.ended = false;
      this.withoutSocket = 0;
      this.before = Promise.resolve();
      setInterval(() => this.refresh(), REFRESH);
    }

    // --- staying connected

    async start() {
      await this.authenticate();
      this.run();
    }

    async authenticate() {
      const asked = this.conversation ? { conversationId: this.conversation } : {};
      const { body } = await ask('/tokens/generate', json(asked));
      if (this.conversation && body.conversationId !== this.conversation) this.watermark = 0;
      this.conversation = body.conversationId;
      this.token = body.token;
      localStorage.setItem(REMEMBERED, this.conversation);
    }

    async refresh() {
      try {
        this.token = (await ask('/tokens/refresh', { method: 'POST', token: this.token })).body.token;
      } catch {
        // The next connection or message gets a new one.
      }
    }

    async run() {
      for (let pause = 250; !this.ended; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
        const began = Date.now();
        try {
          await this.listen();
        } catch (error) {
          if (error.status === 401 || error.status === 403) await this.again();
        }
        this.lost();
        if (Date.now() - began > LONGEST_PAUSE) pause = 250;
        await sleep(pause);
      }
    }

    async again() {
      try {
        await this.authenticate();
      } catch (error) {
        if (error.status === 401 || error.status === 403) location.reload(); // the session is over: sign in
      }
    }

    async listen() {
      const { status, body } = await ask('/conversations', { method: 'POST', token: this.token });
      this.token = body.token;
      const query = `watermark=${this.watermark}&t=${encodeURIComponent(this.token)}`;
      const base = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${BASE}`;
      const url = `${base}/conversations/${this.conversation}/stream?${query}`;
      if (this.withoutSocket < 2) await this.follow(url, status === 201);
      else await this.poll(status === 201);
    }

    follow(url, isNew) {
      return new Promise(done => {
        const socket = new WebSocket(url);
        let opened = Infinity;
        let heard = Date.now();
        socket.onopen = () => {
          opened = Date.now();
          this.online(isNew);
        };
        socket.onmessage = message => {
          heard = Date.now();
          if (message.data) this.heard(JSON.parse(message.data));
        };
        // A network that went away says nothing, and closing waits for an answer: so the end is not waited for.
        const leave = () => {
          socket.onclose = socket.onmessage = null;
          socket.close();
          end();
        };
        const watch = setInterval(() => Date.now() - heard > SILENT && leave(), POLL);
        const end = () => {
          clearInterval(watch);
          removeEventListener('offline', leave);
          done();
        };
        addEventListener('offline', leave);
        socket.onclose = () => {
          // A proxy in between may not let sockets through, or not for long.
          this.withoutSocket = Date.now() - opened > SHORT ? 0 : this.withoutSocket + 1;
          end();
        };
      });
    }

    async poll(isNew) {
      for (let round = 0; round < 60; round += 1) {
        const path = `/conversations/${this.conversation}/activities?watermark=${this.watermark}`;
        const { body } = await ask(path, { token: this.token });
        this.online(isNew && !round);
        this.heard(body);
        await sleep(POLL);
      }
      this.withoutSocket = 0;
    }

    online(isNew) {
      clearTimeout(this.losing);
      this.losing = undefined;
      if (this.connectionStatus$.value !== ONLINE) this.connectionStatus$.next(ONLINE);
      this.said.connected(true);
      if (isNew) setTimeout(() => this.said.greet(), 0);
    }

    // Web Chat is not told: without a connection it drops what is typed and clicked. Here it waits for one.
    lost() {
      if (!this.losing) this.losing = setTimeout(() => this.said.connected(false), GRACE);
    }

    heard({ activities, watermark }) {
      // Web Chat listens one moment after it was told that we are online.
      setTimeout(() => {
        if (watermark) this.watermark = Number(watermark);
        for (const activity of activities) {
          this.said.heard(activity);
          this.activity$.next(activity);
        }
      }, 0);
    }

    // --- saying something

    postActivity(activity) {
      return {
        subscribe: observer => {
          this.post(activity).then(
            id => {
              observer.next && observer.next(id);
              observer.complete && observer.complete();
            },
            error => {
              this.said.failed(error);
              observer.error && observer.error(error);
            }
          );
          return { unsubscribe() {} };
        }
      };
    }

    // Messages go in their order; an event, as that of Stop, does not wait for a long file.
    post(activity) {
      const send = (activity.attachments || []).length ? () => this.upload(activity) : () => this.plain(activity);
      if (activity.type !== 'message') return this.sent(send);
      const sent = this.before.then(() => this.sent(send));
      this.before = sent.catch(() => {});
      return sent;
    }

    // Sent again it is the same message: it has an id of Web Chat's.
    async sent(send) {
      let renewed = false;
      const began = Date.now();
      for (let pause = 250; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
        try {
          return await send();
        } catch (error) {
          const { status } = error;
          const expired = (status === 401 || status === 403) && !renewed;
          if (!expired && ((status && status !== 503) || Date.now() - began > PATIENCE)) throw error;
          if (expired) await this.again();
          else await sleep(pause);
          renewed ||= expired;
        }
      }
    }

    async plain(activity) {
      const path = `/conversations/${this.conversation}/activities`;
      return (await ask(path, { ...json(activity), token: this.token })).body.id;
    }

    async upload(activity) {
      const { attachments, ...rest } = activity;
      const form = new FormData();
      form.append('activity', new Blob([JSON.stringify(rest)], { type: 'application/vnd.microsoft.activity' }));
      for (const { contentType, contentUrl, name } of attachments) {
        const data = await fetch(contentUrl)
          .then(read => read.blob())
          .catch(() => {
            throw new Refused(400, `${name} can't be read any more. Choose it again.`); // it was changed, or moved away
          });
        if (data.size > LARGEST) throw new Refused(413, `${name}: a file may have at most ${LARGEST / 1048576} MB.`);
        form.append('file', new Blob([data], { type: contentType }), name || 'file');
      }
      const path = `/conversations/${this.conversation}/upload`;
      return (await ask(path, { method: 'POST', body: form, token: this.token })).body.id;
    }

    end() {
      this.ended = true;
    }
  }

  // --- how it looks

  const light = {
    accent: '#0f5ea8',
    backgroundColor: '#ffffff',
    bubbleBackground: '#f3f2f1',
    bubbleTextColor: '#1b1a19',
    bubbleFromUserBackground: '#dcecfb',
    bubbleFromUserTextColor: '#1b1a19',
    subtle: '#605e5c',
    paperColor: '#ffffff',
    sendBoxBackground: '#ffffff',
    sendBoxTextColor: '#1b1a19',
    sendBoxButtonColor: '#605e5c',
    line: '#d2d0ce',
    card: '#ffffff',
    emphasis: '#f0f0f0',
    good: '#0b6a0b',
    warning: '#8a5300',
    attention: '#b10e1c'
  };
  const dark = {
    accent: '#6cb8f6',
    backgroundColor: '#1b1a19',
    bubbleBackground: '#2b2a29',
    bubbleTextColor: '#f3f2f1',
    bubbleFromUserBackground: '#17395a',
    bubbleFromUserTextColor: '#f3f2f1',
    subtle: '#b3b0ad',
    paperColor: '#2b2a29',
    sendBoxBackground: '#252423',
    sendBoxTextColor: '#f3f2f1',
    sendBoxButtonColor: '#c8c6c4',
    line: '#484644',
    card: '#2b2a29',
    emphasis: '#3b3a39',
    good: '#92c353',
    warning: '#f7b267',
    attention: '#ff8f93'
  };

  const style = ({ line, card, emphasis, good, warning, attention, ...colours }) => ({
    ...colours,
    bubbleBorderColor: line,
    bubbleBorderRadius: 8,
    bubbleFromUserBorderRadius: 8,
    bubbleFromUserBorderColor: line,
    bubbleMaxWidth: 720,
    bubbleAttachmentMaxWidth: 720,
    bubbleMinWidth: 0,
    messageActivityWordBreak: 'break-word',
    cardEmphasisBackgroundColor: emphasis,
    primaryFont: 'system-ui, "Segoe UI", sans-serif',
    sendBoxBorderTop: `solid 1px ${line}`,
    sendBoxPlaceholderColor: colours.subtle,
    sendBoxTextWrap: true,
    sendAttachmentOn: 'send',
    sendTimeout: PATIENCE + 10000,
    suggestedActionLayout: 'flow',
    suggestedActionBackgroundColor: 'transparent',
    suggestedActionBorderColor: colours.accent,
    suggestedActionTextColor: colours.accent,
    suggestedActionBorderRadius: 8,
    timestampColor: colours.subtle,
    transcriptTerminatorBackgroundColor: colours.subtle,
    enableUploadThumbnail: false,
    hideUploadButton: false,
    groupTimestamp: 60000
  });

  const hostConfig = ({ bubbleTextColor, subtle, accent, card, emphasis, line, good, warning, attention }) => {
    const of = colour => ({ default: colour, subtle: colour });
    const foregroundColors = {
      default: { default: bubbleTextColor, subtle },
      accent: of(accent),
      good: of(good),
      warning: of(warning),
      attention: of(attention),
      dark: of(bubbleTextColor),
      light: of(subtle)
    };
    const box = backgroundColor => ({ backgroundColor, foregroundColors });
    const tinted = colour => box(`color-mix(in srgb, ${colour} 18%, ${card})`);
    return {
      supportsInteractivity: true,
      fontFamily: 'system-ui, "Segoe UI", sans-serif',
      separator: { lineThickness: 1, lineColor: line },
      containerStyles: {
        default: box(card),
        emphasis: box(emphasis),
        accent: tinted(accent),
        good: tinted(good),
        warning: tinted(warning),
        attention: tinted(attention)
      },
      table: { cellSpacing: 6 },
      actions: { maxActions: 10, actionsOrientation: 'horizontal', buttonSpacing: 8, actionAlignment: 'left' },
      factSet: { title: { weight: 'bolder', wrap: true, maxWidth: 160 }, value: { wrap: true } }
    };
  };

  // --- the page

  const stop = document.getElementById('stop');
  const state = document.getElementById('state');
  const scheme = window.matchMedia('(prefers-color-scheme: dark)');
  const store = window.WebChat.createStore();
  let line;

  const said = {
    greet: () =>
      store.dispatch({ type: 'WEB_CHAT/SEND_EVENT', payload: { name: 'webchat/join', value: { language: navigator.language } } }),
    connected: is => {
      state.hidden = is;
      state.textContent = is ? '' : 'The connection is lost. Trying again …';
    },
    heard: ({ type, from, channelData = {}, name }) => {
      const byPerson = from && from.role === 'user';
      if (channelData['everpilot:writing']) stop.disabled = false;
      else if (type === 'message') stop.disabled = !byPerson;
      else if (type === 'event' && name === 'everpilot/stop') stop.disabled = true;
    },
    failed: error => {
      const message = error.status ? error.message : 'The message did not arrive: there is no connection.';
      const payload = { id: 'everpilot', level: 'error', message };
      store.dispatch({ type: 'WEB_CHAT/SET_NOTIFICATION', payload });
    }
  };

  const render = () => {
    const colours = scheme.matches ? dark : light;
    window.WebChat.renderWebChat(
      {
        adaptiveCardsHostConfig: hostConfig(colours),
        directLine: line,
        locale: navigator.language,
        nonce: document.body.dataset.nonce,
        sendTypingIndicator: false,
        store,
        styleOptions: style(colours),
        username: ''
      },
      document.getElementById('chat')
    );
  };

  stop.addEventListener('click', () => {
    stop.disabled = true;
    store.dispatch({ type: 'WEB_CHAT/SEND_EVENT', payload: { name: 'everpilot/stop', value: {} } });
  });
  document.getElementById('new').addEventListener('click', () => {
    localStorage.removeItem(REMEMBERED);
    location.reload();
  });

  // --- files that wait to be sent: Web Chat shows only that there are some, and takes none that is dropped or pasted

  const staged = document.getElementById('staged');
  const waiting = () => store.getState().sendBoxAttachments || [];
  const wait = attachments => store.dispatch({ type: 'WEB_CHAT/SET_SEND_BOX_ATTACHMENTS', payload: { attachments } });
  const named = ({ blob }) => blob.name || 'file';
  const write = () => document.querySelector('[data-id="webchat-sendbox-input"]')?.focus();
  let listed;

  const listing = attachment => {
    const item = document.createElement('li');
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = 'Remove';
    button.setAttribute('aria-label', `Remove ${named(attachment)}`);
    button.addEventListener('click', () => {
      wait(waiting().filter(each => each !== attachment));
      write();
    });
    item.append(`${named(attachment)} `, button);
    return item;
  };

  store.subscribe(() => {
    const found = waiting();
    const large = found.filter(({ blob }) => blob.size > LARGEST);
    if (large.length) {
      wait(found.filter(each => !large.includes(each)));
      said.failed(new Refused(413, `${large.map(named).join(', ')}: a file may have at most ${LARGEST / 1048576} MB.`));
      return;
    }
    if (found === listed) return;
    listed = found;
    staged.hidden = !found.length;
    const list = document.createElement('ul');
    list.append(...found.map(listing));
    staged.replaceChildren(...(found.length ? ['Goes with your message: ', list] : []));
  });

  const holds = data => data && [...data.types].includes('Files');
  const add = files => {
    wait([...waiting(), ...[...files].map(blob => ({ blob }))]);
    write();
  };
  const dropping = is => document.body.classList.toggle('dropping', is);
  addEventListener('dragover', event => {
    if (!holds(event.dataTransfer)) return;
    event.preventDefault(); // else the browser leaves the page for the file
    dropping(true);
  });
  addEventListener('dragleave', event => event.relatedTarget || dropping(false));
  addEventListener('drop', event => {
    dropping(false);
    if (event.defaultPrevented || !holds(event.dataTransfer)) return;
    event.preventDefault();
    add(event.dataTransfer.files);
  });
  addEventListener('paste', event => {
    if (!event.defaultPrevented && event.clipboardData && event.clipboardData.files.length) add(event.clipboardData.files);
  });

  scheme.addEventListener('change', () => line && render());

  const begin = async () => {
    if (!navigator.cookieEnabled) {
      state.hidden = false;
      state.textContent = 'This page needs cookies: allow them for it, and reload.';
      return;
    }
    const made = new Line(said);
    for (let pause = 250; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
      try {
        await made.start();
        break;
      } catch (error) {
        said.connected(false);
        if (error.status === 401) location.reload();
        await sleep(error.status === 401 ? LONGEST_PAUSE : pause);
      }
    }
    line = made;
    render();
    if (window.matchMedia('(pointer: fine)').matches) setTimeout(write, 0); // on a phone it would open the keyboard
  };
  begin();
})();
