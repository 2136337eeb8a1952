"""Real proxies, each with a configuration of its own."""
import signal

from .process import Process

NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
{main}
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port}{tls};
        location / {{
            proxy_pass http://{backend};
            {upgrade}
            proxy_read_timeout {read}s;
            proxy_send_timeout {read}s;
        }}
        {more}
    }}
}}
"""

UPGRADE = """
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
"""

HAPROXY = """
global
    {main}
defaults
    mode http
    timeout connect 5s
    timeout client 50s
    timeout server 50s
    {tunnel}
frontend front
    bind 127.0.0.1:{port}{tls}
    default_backend back
backend back
    server one {backend}
"""


class Nginx:
    def __init__(self, stage, backend, read=60, upgrade=True, tls=False, main="", more=""):
        self.address = f"127.0.0.1:{stage.port()}"
        config = stage.folder / "nginx.conf"
        secure = ""
        if tls:
            pem = stage.certificate()
            secure, more = " ssl", f"ssl_certificate {pem}; ssl_certificate_key {pem}; {more}"
        config.write_text(NGINX.format(
            folder=stage.folder, port=self.address.split(":")[1], backend=backend, read=read,
            upgrade=UPGRADE if upgrade else "", tls=secure, main=main, more=more))
        self.command = [stage.tools.program("nginx"), "-p", stage.folder, "-c", config,
                        "-e", stage.folder / "nginx-error.log"]
        self.stage = stage
        self.process = stage.start(Process, self.command)
        stage.wait_listening(self.address, self.process)

    def tell(self, what):
        """reload, quit or stop."""
        self.stage.run(*self.command, "-s", what)

    def kill(self):
        self.process.close()


class Haproxy:
    def __init__(self, stage, backend, tunnel=None, tls=False, main=""):
        self.address = f"127.0.0.1:{stage.port()}"
        config = stage.folder / "haproxy.cfg"
        config.write_text(HAPROXY.format(
            port=self.address.split(":")[1], backend=backend, main=main,
            tls=f" ssl crt {stage.certificate()}" if tls else "",
            tunnel=f"timeout tunnel {int(tunnel * 1000)}ms" if tunnel else ""))
        self.process = stage.start(
            Process, [stage.tools.program("haproxy"), "-W", "-f", config])
        stage.wait_listening(self.address, self.process)

    def reload(self):
        self.process.send(signal.SIGUSR2)

    def terminate(self):
        self.process.send(signal.SIGTERM)

    def kill(self):
        self.process.close()


class Caddy:
    def __init__(self, stage, backend):
        self.address = f"127.0.0.1:{stage.port()}"
        self.stage, self.backend = stage, backend
        self.admin = f"127.0.0.1:{stage.port()}"
        self.config = stage.folder / "Caddyfile"
        self.write("")
        self.environment = {"HOME": str(stage.folder), "PATH": "/usr/bin:/bin",
                            "XDG_DATA_HOME": str(stage.folder),
                            "XDG_CONFIG_HOME": str(stage.folder)}
        self.process = stage.start(
            Process, [stage.tools.program("caddy"), "run", "--config", self.config,
                      "--adapter", "caddyfile"], self.environment)
        stage.wait_listening(self.address, self.process)

    def write(self, more):
        self.config.write_text(f"""
{{
    admin {self.admin}
    auto_https off
    log {{
        level ERROR
    }}
}}
http://{self.address} {{
    bind 127.0.0.1
    reverse_proxy {self.backend}
    {more}
}}
""")

    def reload(self):
        """With a change: Caddy ignores a reload without one."""
        self.write("header X-Reloaded yes")
        self.stage.start(Process, [self.stage.tools.program("caddy"), "reload",
                                   "--config", self.config, "--adapter", "caddyfile",
                                   "--address", self.admin], self.environment)

    def terminate(self):
        self.process.send(signal.SIGTERM)


def stunnel(stage, target):
    """The address of an end of our own that speaks TLS to the target, and plain TCP to us."""
    address = f"127.0.0.1:{stage.port()}"
    config = stage.folder / "stunnel.conf"
    config.write_text(f"foreground = yes\npid =\nclient = yes\nverifyChain = no\n"
                      f"[tls]\naccept = {address}\nconnect = {target}\n")
    process = stage.start(Process, [stage.tools.program("stunnel4"), config])
    stage.wait_listening(address, process)
    return address
