// The camera: opened on request only, listed once allowed, and watched for being unplugged.

import { NEEDS_HTTPS, NO_CAMERA, UNPLUGGED, cameraProblem, type Problem } from "./problems";

/** A problem that the page can show as it is. */
export class CameraError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.title);
  }
}

export class Camera {
  private stream: MediaStream | null = null;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly onGone: (problem: Problem) => void,
  ) {}

  get deviceId(): string {
    return this.stream?.getVideoTracks()[0]?.getSettings().deviceId ?? "";
  }

  /** Open a camera and show it; an empty id takes the one that the browser prefers. */
  async open(deviceId = ""): Promise<void> {
    this.close();
    // Absent where the page has no right to cameras at all, whatever the types say.
    const devices: MediaDevices | undefined = navigator.mediaDevices;
    if (!window.isSecureContext || !devices) throw new CameraError(NEEDS_HTTPS);
    const size = { width: { ideal: 1280 }, height: { ideal: 960 } };
    const which = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: "user" };
    try {
      this.stream = await devices.getUserMedia({ audio: false, video: { ...size, ...which } });
      const track = this.stream.getVideoTracks()[0];
      if (!track) throw new CameraError(NO_CAMERA);
      track.addEventListener("ended", () => this.lose());
      this.video.srcObject = this.stream;
      await this.video.play();
    } catch (error) {
      this.close();
      throw error instanceof CameraError ? error : new CameraError(cameraProblem(error));
    }
  }

  close(): void {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
    this.video.srcObject = null;
  }

  /** Return the cameras that there are; their names are known once one was allowed. */
  async list(): Promise<MediaDeviceInfo[]> {
    const devices: MediaDevices | undefined = navigator.mediaDevices;
    if (!devices) return [];
    return (await devices.enumerateDevices()).filter((device) => device.kind === "videoinput");
  }

  private lose(): void {
    if (!this.stream) return;
    this.close();
    this.onGone(UNPLUGGED);
  }
}
